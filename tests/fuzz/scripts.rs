//! Hostile scripts on one interpreter with little memory and few steps: none of them brings it down, runs on when it is to
//! end, answers less or more than one whole frame, changes what the next ones find, or keeps memory.

mod grammar;

use std::cell::Cell;
use std::rc::Rc;

use fastrand::Rng;
use pregon::resp::Proto;
use pregon::resp::args::Args;
use pregon::resp::encode::Reply;
use pregon::script::Scripts;
use pregon::script::asking::Host;
use pregon::script::cache::{Script, digest};
use pregon::script::raised::Raised;
use pregon::script::vm::Vm;

use crate::frame::Frame;
use crate::mutation::pick;

/// What scripts may occupy, in bytes.
const MEMORY: usize = 1024 * 1024;
/// What may be left of them, in bytes: their functions, and what the interpreter keeps for its own tables.
const LEFT: usize = 256 * 1024;
/// How often a script is asked whether it goes on until it does not, once in ten thousand instructions.
const LOOKS: u32 = 3;
/// Scripts of one case.
const SCRIPTS: usize = 6;
/// What the thread of scripts has for its calls, in bytes, as in the server.
const STACK: usize = 16 * 1024 * 1024;

/// What scripts find, in words; twice the same unless one has changed it.
const PROBE: &[u8] = b"
    collectgarbage('restart') collectgarbage() collectgarbage()
    local found, changing = {}, { KEYS = true, ARGV = true, call = true, pcall = true, acl_check_cmd = true }
    local function walk(prefix, t)
      for k, v in pairs(t) do
        if not changing[k] then
          found[#found + 1] = prefix .. tostring(k) .. ' ' .. tostring(v)
          if type(v) == 'table' and v ~= _G then walk(prefix .. tostring(k) .. '.', v) end
        end
      end
    end
    walk('', _G)
    table.sort(found)
    return { table.concat(found, '\\n'), tostring(getmetatable('')), ('x'):rep(3), #KEYS, redis.call('ECHO', 'fine') }";

/// Some scripts that follow each other.
pub(crate) fn case(random: &mut Rng) {
    let mut random = random.fork();
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(move || run_all(&mut random));
    let ended = thread.expect("a thread can be made").join();
    ended.unwrap_or_else(|why| std::panic::resume_unwind(why));
}

fn run_all(random: &mut Rng) {
    let mut stage = Stage::new();
    for _ in 0..SCRIPTS {
        let source = grammar::script(random);
        stage.left.set(LOOKS);
        let answered = run(&mut stage.vm, source.as_bytes(), &mut Anything { random });
        let shown =
            || format!("{:?}\nafter\n{source}", answered.as_ref().map(|bytes| bytes.escape_ascii().to_string()));
        if let Ok(answered) = &answered {
            let (frames, rest) = Frame::all(answered);
            assert!(frames.len() == 1 && rest.is_empty(), "not one frame: {}", shown());
        }
        // As the server does: what has ended is not always collected by then.
        if stage.vm.measure() > MEMORY / 2 {
            stage = Stage::new();
            continue;
        }
        let found = stage.probe().unwrap_or_else(|why| panic!("the next one fails with {why}: {}", shown()));
        assert!(found == stage.found, "something has changed: {}", shown());
        let size = stage.vm.measure();
        assert!(size < stage.size + LEFT, "{size} bytes, {} before: {}", stage.size, shown());
    }
}

/// An interpreter, and what it was like when it was new.
struct Stage {
    vm: Vm,
    /// How often a script may still go on.
    left: Rc<Cell<u32>>,
    found: Vec<u8>,
    size: usize,
}

impl Stage {
    fn new() -> Stage {
        let left = Rc::new(Cell::new(0u32));
        let looks = left.clone();
        let goes_on = move || looks.replace(looks.get().saturating_sub(1)) > 0;
        let vm = Vm::new(0, &Scripts::default(), MEMORY).expect("an interpreter fits into memory");
        vm.ask(goes_on).expect("it can be asked");
        let mut stage = Stage { vm, left, found: Vec::new(), size: 0 };
        stage.found = stage.probe().expect("the probe runs");
        stage.size = stage.vm.measure();
        stage
    }

    fn probe(&mut self) -> Result<Vec<u8>, String> {
        self.left.set(u32::MAX);
        run(&mut self.vm, PROBE, &mut Fine)
    }
}

/// What a script is answered: bytes, or the text of an error.
fn run(vm: &mut Vm, source: &[u8], host: &mut dyn Host) -> Result<Vec<u8>, String> {
    let text = |error: pregon::resp::errors::ReplyError| error.text().escape_ascii().to_string();
    let script = Script::new(digest(source), source).map_err(text)?;
    vm.compile(&script).map_err(text)?;
    let mut reply = Reply::new(Vec::new(), Proto::Resp3);
    let names: [&[u8]; 2] = [b"key", b"\xff\0"];
    vm.run(&script, [names.into_iter(), names.into_iter()], host, &mut reply).map_err(text)?;
    Ok(reply.into_bytes())
}

/// The host of the probe.
struct Fine;

impl Host for Fine {
    fn run(&mut self, _: Args<'_>, _: Proto, _: Vec<u8>) -> Result<Vec<u8>, Raised> {
        Ok(b"$4\r\nfine\r\n".to_vec())
    }

    fn may_run(&mut self, _: Args<'_>) -> Result<bool, Raised> {
        Ok(true)
    }
}

/// A host that answers whatever commands may answer.
struct Anything<'r> {
    random: &'r mut Rng,
}

const ANSWERS: [&[u8]; 12] = [
    b"+OK\r\n",
    b"$-1\r\n",
    b"_\r\n",
    b":-9223372036854775808\r\n",
    b"*3\r\n:1\r\n*-1\r\n*1\r\n$0\r\n\r\n",
    b"%2\r\n+a\r\n:1\r\n:2\r\n%0\r\n",
    b"~2\r\n+a\r\n#t\r\n",
    b",inf\r\n",
    b",nan\r\n",
    b"(12345678901234567890\r\n",
    b"=7\r\ntxt:\r\n\xff\r\n",
    b"-WRONGTYPE of another kind\r\n",
];

impl Host for Anything<'_> {
    fn run(&mut self, args: Args<'_>, _: Proto, _: Vec<u8>) -> Result<Vec<u8>, Raised> {
        match self.random.u8(0..16) {
            0 => Err(Raised::of(b"-MY error\xff")),
            1 => Err(Raised::of(b"")),
            2..8 => Ok(pick(&ANSWERS, self.random).to_vec()),
            _ => {
                let arg = &args[self.random.usize(0..args.len())];
                Ok([format!("${}\r\n", arg.len()).as_bytes(), arg, b"\r\n"].concat())
            }
        }
    }

    fn may_run(&mut self, _: Args<'_>) -> Result<bool, Raised> {
        if self.random.bool() { Ok(self.random.bool()) } else { Err(Raised::of(b"-MY refusal")) }
    }
}
