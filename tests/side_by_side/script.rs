//! Scripts, and how they are read from their files. The README beside the scripts describes the format.

use crate::mask::Masks;
use crate::text::{self, Template};

/// One script: what several connections say, and how much each of them is answered.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// The file's name without ending, which names the family.
    pub(crate) family: String,
    /// A sentence that says what is compared.
    pub(crate) name: String,
    pub(crate) setting: Setting,
    /// Whether the script changes or lists what all clients share, and so needs servers of its own.
    pub(crate) own: bool,
    /// The protocol version that connections begin with.
    pub(crate) resp: u8,
    pub(crate) masks: Masks,
    pub(crate) steps: Vec<Step>,
}

/// What both servers are started with. Scripts that agree in it may share them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Setting {
    /// Directives, as arguments of a command line.
    pub(crate) options: Vec<String>,
    /// Empty files in the servers' directories.
    pub(crate) files: Vec<String>,
}

/// One line of a script, with the connection that it is about.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) line: usize,
    /// The line as written, for the report.
    pub(crate) source: String,
    pub(crate) connection: String,
    pub(crate) action: Action,
}

#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Commands as RESP arrays, all in one write.
    Commands(Vec<Vec<Template>>),
    /// Raw bytes, in as many writes as there are pieces.
    Raw(Vec<Template>),
    /// Raw bytes, one write for each byte.
    EachByte(Template),
    /// The same raw bytes again and again, in two writes, cut at every place once.
    EveryCut(Template),
    Receive(Receive),
    /// Opens the connection without saying anything.
    Open,
    /// Closes the connection from the client's side.
    Close,
    /// Goes on when the server has blocked the connection.
    Waits,
    /// Puts bytes into a file in the server's directory, in place of what was in it.
    Writes(String, Template),
}

/// What to wait for, and how to compare it.
#[derive(Clone, Debug)]
pub(crate) struct Receive {
    pub(crate) amount: Amount,
    pub(crate) masks: Masks,
    /// The name under which an integer reply is kept for later steps.
    pub(crate) keep: Option<String>,
    pub(crate) differs: Option<Differs>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Amount {
    Frames(usize),
    /// Everything until the server closes the connection.
    UntilEnd,
}

/// Bytes that are not what the reference server sends, and why.
#[derive(Clone, Debug)]
pub(crate) struct Differs {
    pub(crate) reason: String,
    pub(crate) bytes: Vec<u8>,
}

/// Reads the scripts of one file; a script for both protocol versions becomes two.
///
/// # Errors
/// Names the file and line, and says what is wrong with it.
pub(crate) fn parse(family: &str, content: &str) -> Result<Vec<Script>, String> {
    let mut reader = Reader { family, defaults: Header::default(), drafts: Vec::new() };
    for (index, line) in content.lines().enumerate() {
        let fail = |problem| format!("{family}.txt:{}: {problem}", index + 1);
        reader.line(index + 1, line.trim_end()).map_err(fail)?;
    }
    let mut scripts = Vec::new();
    for draft in reader.drafts {
        if draft.steps.is_empty() {
            return Err(format!("{family}.txt: `{}` does nothing", draft.name));
        }
        scripts.extend(draft.scripts(family));
    }
    Ok(scripts)
}

#[derive(Clone, Default)]
struct Header {
    setting: Setting,
    own: bool,
    resp: Vec<u8>,
    masks: Masks,
}

struct Draft {
    name: String,
    header: Header,
    steps: Vec<Step>,
}

impl Draft {
    fn scripts(self, family: &str) -> Vec<Script> {
        let versions = if self.header.resp.is_empty() { vec![2] } else { self.header.resp };
        let several = versions.len() > 1;
        let script = |resp: u8| Script {
            family: family.to_owned(),
            name: if several { format!("{} (RESP{resp})", self.name) } else { self.name.clone() },
            setting: self.header.setting.clone(),
            own: self.header.own,
            resp,
            masks: self.header.masks.clone(),
            steps: self.steps.clone(),
        };
        versions.into_iter().map(script).collect()
    }
}

struct Reader<'file> {
    family: &'file str,
    /// What lines above the first script say about all scripts of the file.
    defaults: Header,
    drafts: Vec<Draft>,
}

impl Reader<'_> {
    fn line(&mut self, number: usize, line: &str) -> Result<(), String> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if let Some(name) = line.strip_prefix("=== ") {
            return self.begin(name);
        }
        if let Some(expected) = line.strip_prefix('|') {
            let differs = self.last_receive()?.differs.as_mut().ok_or("no `differs:` line above")?;
            return text::expected_line(expected.strip_prefix(' ').unwrap_or(expected), &mut differs.bytes);
        }
        let word_end = line.find([':', '<', '>', ' ']).ok_or("neither a step nor a header line")?;
        let (word, rest) = line.split_at(word_end);
        match rest.strip_prefix(':') {
            Some(value) => self.header(word, value.trim()),
            None => self.step(number, line, word, rest),
        }
    }

    fn begin(&mut self, name: &str) -> Result<(), String> {
        if self.drafts.iter().any(|draft| draft.name == name) {
            return Err(format!("a second script of {}.txt is called `{name}`", self.family));
        }
        let header = self.defaults.clone();
        self.drafts.push(Draft { name: name.to_owned(), header, steps: Vec::new() });
        Ok(())
    }

    fn header(&mut self, key: &str, value: &str) -> Result<(), String> {
        if key == "differs" {
            let differs = Differs { reason: value.to_owned(), bytes: Vec::new() };
            self.last_receive()?.differs = Some(differs);
            return Ok(());
        }
        let header = match self.drafts.last_mut() {
            Some(draft) if !draft.steps.is_empty() => return Err(format!("`{key}:` after a step")),
            Some(draft) => &mut draft.header,
            None => &mut self.defaults,
        };
        let words: Vec<&str> = value.split_whitespace().collect();
        match key {
            "server" => {
                for (index, argument) in text::split(value)?.iter().enumerate() {
                    let bytes = argument.fill(&text::Variables::new())?;
                    let word = String::from_utf8(bytes).map_err(|_| "an option that is not text")?;
                    header.setting.options.push(if index == 0 { format!("--{word}") } else { word });
                }
            }
            "file" => header.setting.files.push(value.to_owned()),
            "own" => header.own = yes_or_no(value)?,
            "resp" => {
                let version = |word: &&str| word.parse().map_err(|_| format!("resp: {value}"));
                header.resp = words.iter().map(version).collect::<Result<_, String>>()?;
            }
            "mask" => header.masks.add(&words)?,
            "only" => header.masks.keep_only(&words),
            _ => return Err(format!("unknown header line `{key}:`")),
        }
        Ok(())
    }

    fn step(&mut self, line: usize, source: &str, connection: &str, rest: &str) -> Result<(), String> {
        let action = if let Some(raw) = rest.strip_prefix(">>") {
            raw_action(raw)?
        } else if let Some(command) = rest.strip_prefix('>') {
            Action::Commands(commands(command)?)
        } else if let Some(receive) = rest.strip_prefix('<') {
            Action::Receive(receive_action(receive)?)
        } else {
            match rest.trim() {
                text if text.starts_with("writes ") => writing_action(&text["writes ".len()..])?,
                "open" => Action::Open,
                "close" => Action::Close,
                "waits" => Action::Waits,
                other => return Err(format!("`{connection} {other}` is no step")),
            }
        };
        let draft = self.drafts.last_mut().ok_or("a step above the first script")?;
        let (source, connection) = (source.to_owned(), connection.to_owned());
        draft.steps.push(Step { line, source, connection, action });
        Ok(())
    }

    fn last_receive(&mut self) -> Result<&mut Receive, String> {
        let last = self.drafts.last_mut().and_then(|draft| draft.steps.last_mut());
        match last {
            Some(Step { action: Action::Receive(receive), .. }) => Ok(receive),
            _ => Err("this line belongs below a line that receives".to_owned()),
        }
    }
}

fn yes_or_no(value: &str) -> Result<bool, String> {
    match value {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(format!("`{value}` is neither yes nor no")),
    }
}

fn raw_action(raw: &str) -> Result<Action, String> {
    let raw = raw.trim_start();
    let one = |text: &str| -> Result<Template, String> {
        let mut pieces = text::split(text)?;
        if pieces.len() == 1 { Ok(pieces.remove(0)) } else { Err("exactly one string is needed".into()) }
    };
    if let Some(bytes) = raw.strip_prefix("each-byte ") {
        Ok(Action::EachByte(one(bytes)?))
    } else if let Some(bytes) = raw.strip_prefix("every-cut ") {
        Ok(Action::EveryCut(one(bytes)?))
    } else {
        Ok(Action::Raw(text::split(raw)?))
    }
}

fn writing_action(text: &str) -> Result<Action, String> {
    let (file, content) = text.split_once(' ').ok_or("which file, and what?")?;
    match text::split(content)?.as_slice() {
        [content] => Ok(Action::Writes(file.to_owned(), content.clone())),
        _ => Err("exactly one string is needed".to_owned()),
    }
}

/// Commands of one line, separated by `;;`.
fn commands(line: &str) -> Result<Vec<Vec<Template>>, String> {
    let arguments = text::split(line)?;
    let commands: Vec<_> = arguments.split(|argument| argument.is(";;")).map(<[Template]>::to_vec).collect();
    if commands.iter().any(Vec::is_empty) {
        return Err("an empty command".to_owned());
    }
    Ok(commands)
}

fn receive_action(text: &str) -> Result<Receive, String> {
    let mut words = text.split_whitespace();
    let amount = match words.next() {
        Some("eof") => Amount::UntilEnd,
        Some(count) => {
            let count = count.parse().map_err(|_| format!("`{count}` is no number of frames"))?;
            Amount::Frames(count)
        }
        None => return Err("how many frames?".to_owned()),
    };
    let mut receive = Receive { amount, masks: Masks::default(), keep: None, differs: None };
    for word in words {
        match word.split_once('=') {
            Some(("mask", names)) => receive.masks.add(&names.split(',').collect::<Vec<_>>())?,
            Some(("only", fields)) => receive.masks.keep_only(&fields.split(',').collect::<Vec<_>>()),
            Some(("keep", name)) => receive.keep = Some(name.to_owned()),
            _ => return Err(format!("`{word}` is not mask=, only= or keep=")),
        }
    }
    Ok(receive)
}
