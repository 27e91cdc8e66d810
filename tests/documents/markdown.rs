//! As much of Markdown as the documents use.

/// What stands between two headings of the second level.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) document: String,
    pub(crate) heading: String,
    pub(crate) blocks: Vec<Block>,
}

/// What stands between two fences.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) text: String,
    /// Where it begins, from 1.
    pub(crate) line: usize,
}

impl Block {
    /// The commands for the shell in it, each on one line.
    pub(crate) fn commands(&self) -> Vec<String> {
        let text = self.text.replace("\\\n", " ");
        match self.language.as_str() {
            "sh" => text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect(),
            "console" => text.lines().filter_map(|line| line.strip_prefix("$ ")).map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    }

    /// What has to be printed, according to it.
    pub(crate) fn printed(&self) -> impl Iterator<Item = &str> {
        let is_console = self.language == "console";
        self.text.lines().filter(move |line| is_console && !line.starts_with("$ "))
    }
}

/// A document by its headings; what stands before the first one of the second level has the document's title.
pub(crate) fn sections(document: &str, text: &str) -> Vec<Section> {
    let new = |heading: &str| Section { document: document.into(), heading: heading.into(), blocks: Vec::new() };
    let mut sections = vec![new(text.lines().next().unwrap_or_default().trim_start_matches("# "))];
    let mut is_inside = false;
    for (index, line) in text.lines().enumerate() {
        let last = sections.last_mut().expect("there is one from the beginning");
        match line.strip_prefix("```") {
            Some(language) if !is_inside => {
                last.blocks.push(Block { language: language.into(), text: String::new(), line: index + 1 });
            }
            None if is_inside => {
                let block = last.blocks.last_mut().expect("its fence has been seen");
                block.text += line;
                block.text.push('\n');
            }
            None => sections.extend(line.strip_prefix("## ").map(new)),
            Some(_) => {}
        }
        is_inside ^= line.starts_with("```");
    }
    sections
}

/// The line, from 1, on which a block begins that has no fence.
pub(crate) fn indented(text: &str) -> Option<usize> {
    let mut before = "";
    for (index, line) in text.lines().enumerate() {
        if before.is_empty() && line.starts_with("    ") {
            return Some(index + 1);
        }
        before = line;
    }
    None
}

/// Where links lead.
pub(crate) fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link)
}

/// What the headings are called in links.
pub(crate) fn anchors(text: &str) -> impl Iterator<Item = String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|heading| {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter));
        kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
    })
}
