//! Several threads, each with one worker and some clients, which move between them, publish, subscribe and unsubscribe at once;
//! then what they heard is explained (see [`crate::history`]) or a promise was broken.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use pregon::client::registry::ClientInfo;
use pregon::resp::Proto;
use pregon::server::Server;
use pregon::session::Luggage;

use crate::harness::{Peer, Random, World, pipeline, request, server};
use crate::history::{Effect, Heard, Name, Step, Story, Time, explain};
use crate::value::Value;

const CHANNELS: [&str; 4] = ["aa", "ab", "ba", "bb"];
const PATTERNS: [&str; 3] = ["a*", "?b", "*"];
const CLIENTS: usize = 4;
const STEPS: usize = 120;

#[test]
fn p1_to_p4_one_order_of_all_events_explains_what_threads_at_once_hear() {
    for seed in 1..=12 {
        let threads = 2 + seed as usize % 3;
        check(seed, run(&server(threads, &[]), threads, seed));
    }
}

#[test]
fn p12_the_same_order_explains_it_beside_heavy_work_on_keys_and_nobody_waits_for_that() {
    for seed in 1..=6 {
        let threads = 2 + seed as usize % 2;
        let server = server(threads, &[]);
        let ended = AtomicBool::new(false);
        let stories = std::thread::scope(|scope| {
            for executor in [&server.executors.keys, &server.executors.others] {
                executor.attach();
                let (server, ended) = (&server, &ended);
                scope.spawn(move || {
                    while !ended.load(SeqCst) {
                        executor.work(server, Duration::from_millis(1));
                    }
                });
            }
            let stories = run(&server, threads, seed);
            ended.store(true, SeqCst);
            stories
        });
        check(seed, stories);
    }
}

fn check(seed: u64, stories: Vec<Story>) {
    if let Err(contradiction) = explain(&stories) {
        panic!("seed {seed}: {contradiction}");
    }
}

/// Lets this many threads work at once, each on a worker of its own.
fn run(server: &Arc<Server>, threads: usize, seed: u64) -> Vec<Story> {
    let clock = AtomicUsize::new(0);
    let doors: Vec<Mutex<Vec<Traveller>>> = (0..threads).map(|_| Mutex::default()).collect();
    let barrier = Barrier::new(threads);
    std::thread::scope(|scope| {
        let (clock, barrier, doors) = (&clock, &barrier, &doors[..]);
        let work = |worker: usize| {
            let server = server.clone();
            move || Thread::new(server, worker, seed, clock, doors).run(barrier)
        };
        let handles: Vec<_> = (0..threads).map(|worker| scope.spawn(work(worker))).collect();
        handles
            .into_iter()
            .flat_map(|handle| handle.join().expect("a thread of the test fails with its own text"))
            .collect()
    })
}

/// One thread with its worker.
struct Thread<'c> {
    world: World,
    worker: usize,
    random: Random,
    clock: &'c AtomicUsize,
    /// Where clients come in that move, of each thread.
    doors: &'c [Mutex<Vec<Traveller>>],
    /// How many clients have begun here.
    begun: usize,
    actors: Vec<Actor>,
    done: Vec<Story>,
    /// A client that keeps the keys busy, where there is a thread that does the work.
    greedy: Option<Peer>,
}

/// A client with what it did and heard so far.
struct Actor {
    peer: Peer,
    past: Past,
}

/// A client on its way to another thread.
struct Traveller {
    info: Arc<ClientInfo>,
    luggage: Luggage,
    past: Past,
}

struct Past {
    number: String,
    listening: Vec<Name>,
    published: usize,
    story: Story,
}

impl<'c> Thread<'c> {
    fn new(
        server: Arc<Server>,
        worker: usize,
        seed: u64,
        clock: &'c AtomicUsize,
        doors: &'c [Mutex<Vec<Traveller>>],
    ) -> Self {
        let world = World::of_one_worker(server, worker);
        let random = Random(seed * 1000 + worker as u64);
        let greedy = world.server.executors.keys.is_attached().then(|| world.stranger(0));
        let (actors, done) = (Vec::new(), Vec::new());
        let mut thread = Thread { world, worker, random, clock, doors, begun: 0, actors, done, greedy };
        for _ in 0..CLIENTS {
            thread.connect();
        }
        thread
    }

    fn run(mut self, barrier: &Barrier) -> Vec<Story> {
        barrier.wait();
        for _ in 0..STEPS {
            self.keep_busy();
            self.let_in();
            if self.actors.is_empty() {
                self.connect();
            }
            let actor = self.random.below(self.actors.len());
            match self.random.below(44) {
                0 => self.reconnect(actor),
                40.. => self.send_away(actor),
                1..=3 => std::thread::yield_now(),
                4..=9 => self.listen(),
                _ => self.act(actor),
            }
        }
        barrier.wait();
        self.let_in();
        self.listen();
        self.done.extend(self.actors.into_iter().map(|actor| actor.past.story));
        self.done
    }

    /// Asks for something that takes long, if the answer to what was asked before has come.
    fn keep_busy(&mut self) {
        let Some(greedy) = &mut self.greedy else { return };
        greedy.session.resume();
        greedy.take_bytes();
        if greedy.session.is_blocked() {
            return;
        }
        let requests: &[&str] = match self.random.below(4) {
            0 => &["SETRANGE one 1500 x", "SETRANGE two 1500 y", "LCS one two"],
            1 => &["SETRANGE long 3000000 x", "GETRANGE long 0 -1"],
            2 => &["MULTI", "SETRANGE long 2000000 y", "APPEND long z", "GETRANGE long 0 -1", "EXEC"],
            _ => &["RPUSH list a b c", "LINSERT list BEFORE b x", "FLUSHALL", "COMMAND DOCS"],
        };
        greedy.send_only(&pipeline(requests));
    }

    fn connect(&mut self) {
        let number = format!("{}.{}", self.worker, self.begun);
        self.begun += 1;
        let mut peer = self.world.stranger(0);
        if self.random.below(3) > 0 {
            peer.say("HELLO 3");
            peer.take_frames();
        }
        let past = Past { number, listening: Vec::new(), published: 0, story: Story::default() };
        self.actors.push(Actor { peer, past });
    }

    /// Lets those in who have come from other threads.
    fn let_in(&mut self) {
        let all = std::mem::take(&mut *self.doors[self.worker].lock().expect("no thread of the test has failed"));
        for Traveller { info, luggage, past } in all {
            self.actors.push(Actor { peer: self.world.welcome(0, info, luggage), past });
        }
    }

    /// The client reads, and goes to another thread if nothing of it is under way.
    fn send_away(&mut self, actor: usize) {
        let now = self.now();
        self.actors[actor].hear(now, &mut Vec::new());
        let destination = self.random.below(self.doors.len());
        let Some(luggage) = self.actors[actor].peer.session.leave_for(destination) else { return };
        let Actor { peer, past } = self.actors.swap_remove(actor);
        let traveller = Traveller { info: peer.client.info.clone(), luggage, past };
        self.doors[destination].lock().expect("no thread of the test has failed").push(traveller);
    }

    /// The client goes, and another comes in its place.
    fn reconnect(&mut self, actor: usize) {
        let mut gone = self.actors.swap_remove(actor);
        let asked = self.now();
        gone.peer.hangs_up();
        let answered = self.now();
        gone.hear(answered, &mut Vec::new());
        let effects = gone.past.listening.drain(..).map(Effect::Leave).collect();
        let mut story = gone.past.story;
        story.heard.push(Heard::Confirmed(story.steps.len()));
        story.steps.push(Step { asked, answered, effects });
        self.done.push(story);
        self.connect();
    }

    /// The worker comes to its mailbox, and its clients read.
    fn listen(&mut self) {
        self.world.workers[0].deliver_all();
        let now = self.now();
        self.actors.iter_mut().for_each(|actor| actor.hear(now, &mut Vec::new()));
    }

    /// The client does something: one command, a run of publishes, or a transaction.
    fn act(&mut self, actor: usize) {
        let actor = &mut self.actors[actor];
        let silent = actor.peer.client.proto() == Proto::Resp2 && !actor.past.listening.is_empty();
        let steps: Vec<Vec<Effect>> = match self.random.below(10) {
            _ if silent => vec![vec![actor.past.change(&mut self.random)]],
            0..=3 => vec![vec![actor.past.publish(&mut self.random)]],
            4 => (0..5).map(|_| vec![actor.past.publish(&mut self.random)]).collect(),
            5..=6 => vec![(0..4).map(|_| actor.past.effect(&mut self.random)).collect()],
            _ => vec![vec![actor.past.change(&mut self.random)]],
        };
        let bytes: Vec<u8> = steps.iter().flat_map(|effects| requests(effects)).collect();
        let asked = self.clock.fetch_add(1, SeqCst);
        actor.peer.send_only(&bytes);
        let answered = self.clock.fetch_add(1, SeqCst);
        let first = actor.past.story.steps.len();
        actor.past.story.steps.extend(steps.into_iter().map(|effects| Step { asked, answered, effects }));
        let mut unanswered: Vec<usize> = (first..actor.past.story.steps.len()).rev().collect();
        actor.hear(answered, &mut unanswered);
        assert!(unanswered.is_empty(), "every command is answered at once");
    }

    fn now(&self) -> Time {
        self.clock.fetch_add(1, SeqCst)
    }
}

/// The bytes that ask for one step.
fn requests(effects: &[Effect]) -> Vec<u8> {
    let command = |effect: &Effect| match effect {
        Effect::Publish { message, channel, .. } => request(["PUBLISH", channel, message]),
        Effect::Join(Name::Channel(name)) => request(["SUBSCRIBE", name]),
        Effect::Join(Name::Pattern(name)) => request(["PSUBSCRIBE", name]),
        Effect::Leave(Name::Channel(name)) => request(["UNSUBSCRIBE", name]),
        Effect::Leave(Name::Pattern(name)) => request(["PUNSUBSCRIBE", name]),
    };
    let commands = effects.iter().flat_map(command);
    if effects.len() == 1 {
        return commands.collect();
    }
    request(["MULTI"]).into_iter().chain(commands).chain(request(["EXEC"])).collect()
}

impl Past {
    fn effect(&mut self, random: &mut Random) -> Effect {
        if random.below(3) == 0 { self.change(random) } else { self.publish(random) }
    }

    fn publish(&mut self, random: &mut Random) -> Effect {
        self.published += 1;
        let message = format!("{}-{}", self.number, self.published);
        Effect::Publish { message, channel: random.pick(&CHANNELS), receivers: 0 }
    }

    /// Begins to listen to something, or ends it.
    fn change(&mut self, random: &mut Random) -> Effect {
        if self.listening.len() > 2 || (!self.listening.is_empty() && random.below(2) == 0) {
            return Effect::Leave(self.listening.swap_remove(random.below(self.listening.len())));
        }
        loop {
            let pattern = random.below(3) == 0;
            let name = match pattern {
                true => Name::Pattern(random.pick(&PATTERNS)),
                false => Name::Channel(random.pick(&CHANNELS)),
            };
            if !self.listening.contains(&name) {
                self.listening.push(name);
                return Effect::Join(name);
            }
        }
    }
}

impl Actor {
    /// Reads all that has come; answers belong to the steps of which the last in `unanswered` is the next.
    fn hear(&mut self, at: Time, unanswered: &mut Vec<usize>) {
        for frame in self.peer.take_frames() {
            match &frame {
                Value::Simple(_) => {}
                Value::Integer(receivers) => {
                    let step = unanswered.pop().expect("an answer to a step");
                    self.past.counted(step, 0, *receivers);
                }
                frame if !frame.is_push() => {
                    let step = unanswered.pop().expect("an answer to a transaction");
                    self.past.executed(step, frame);
                }
                frame => match message(frame) {
                    Some((name, message)) => self.past.story.heard.push(Heard::Message { name, message, at }),
                    None => {
                        let step = unanswered.pop().expect("a confirmation of a step");
                        self.past.story.heard.push(Heard::Confirmed(step));
                    }
                },
            }
        }
    }
}

impl Past {
    fn counted(&mut self, step: usize, place: usize, count: i64) {
        match &mut self.story.steps[step].effects[place] {
            Effect::Publish { receivers, .. } => *receivers = count,
            other => panic!("{other:?} was answered with a number"),
        }
    }

    fn executed(&mut self, step: usize, array: &Value) {
        assert_eq!(array.items().len(), self.story.steps[step].effects.len(), "{array}");
        for (place, item) in array.items().iter().enumerate() {
            match item {
                Value::Integer(count) => self.counted(step, place, *count),
                confirmation => assert!(confirmation.is_push() && message(confirmation).is_none(), "{array}"),
            }
        }
        self.story.heard.push(Heard::Confirmed(step));
    }
}

/// The name and the payload, if `frame` is a message.
fn message(frame: &Value) -> Option<(Name, String)> {
    let text = |index: usize| String::from_utf8_lossy(frame.items()[index].bulk()).into_owned();
    let known = |names: &[&'static str], name: String| {
        names.iter().copied().find(|known| *known == name).expect("a name that the test uses")
    };
    match frame.items()[0].bulk() {
        b"message" => Some((Name::Channel(known(&CHANNELS, text(1))), text(2))),
        b"pmessage" => Some((Name::Pattern(known(&PATTERNS, text(1))), text(3))),
        _ => None,
    }
}
