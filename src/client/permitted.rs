//! Channels to which a client may publish, remembered for as long as its user does not change: a user may have very many
//! patterns, and a channel would be compared with one after the other for each message.

use hashbrown::HashTable;

use super::Client;
use super::held::Holding;
use crate::hub::name;
use crate::ids::CommandIndex;

/// So many channels are remembered; then one goes for another.
const MOST: usize = 256;
/// Longer names are not remembered, in bytes.
const LONGEST: usize = 64;

/// What may be published to, and by which command.
type Permission = (CommandIndex, Box<[u8]>);

/// The channels of one client, for one version of the rights of one user.
#[derive(Debug)]
pub(crate) struct Permitted {
    version: u64,
    table: HashTable<Permission>,
    /// Length of their names, in bytes.
    len_bytes: usize,
}

impl Permitted {
    fn new(version: u64) -> Self {
        Permitted { version, table: HashTable::new(), len_bytes: 0 }
    }

    fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.table.allocation_size() + self.len_bytes
    }

    fn knows(&self, command: CommandIndex, channel: &[u8]) -> bool {
        self.table.find(name::hash(channel), |(by, known)| *by == command && **known == *channel).is_some()
    }

    fn add(&mut self, command: CommandIndex, channel: &[u8]) {
        if self.knows(command, channel) {
            return;
        }
        if self.table.len() == MOST {
            self.forget_one();
        }
        self.table.insert_unique(name::hash(channel), (command, channel.into()), hash_of);
        self.len_bytes += channel.len();
    }

    /// Which one is left to the seed of the hash.
    fn forget_one(&mut self) {
        let Some(hash) = self.table.iter().next().map(hash_of) else { return };
        if let Ok(first) = self.table.find_entry(hash, |permission| hash_of(permission) == hash) {
            let ((_, name), _) = first.remove();
            self.len_bytes -= name.len();
        }
    }
}

fn hash_of((_, name): &Permission) -> u64 {
    name::hash(name)
}

impl Client {
    /// Whether this version of its user's rights is known to allow it to publish to `channel` by this command.
    pub(crate) fn is_known_to_publish(&self, version: u64, command: CommandIndex, channel: &[u8]) -> bool {
        let permitted = self.permitted.borrow();
        let permitted = permitted.as_ref().filter(|permitted| permitted.version == version);
        permitted.is_some_and(|permitted| permitted.knows(command, channel))
    }

    /// Remembers that this version of its user's rights allows that, and forgets what others allowed.
    pub(crate) fn remember_to_publish(&self, version: u64, command: CommandIndex, channel: &[u8]) {
        if channel.len() > LONGEST {
            return;
        }
        let mut slot = self.permitted.borrow_mut();
        let permitted = slot.get_or_insert_with(|| Box::new(Permitted::new(version)));
        if permitted.version != version {
            **permitted = Permitted::new(version);
        }
        permitted.add(command, channel);
        self.info.held.set(Holding::Permitted, permitted.size_bytes());
    }
}

#[cfg(test)]
mod tests {
    use crate::client::held::Holding;
    use crate::command::test_support::World;

    const NO_CHANNEL: &str = "-NOPERM No permissions to access a channel\r\n";

    #[test]
    fn what_is_remembered_holds_for_the_command_and_the_rights_that_it_was_remembered_for() {
        let world = World::new();
        let (operator, client) = (world.client(), world.client());
        operator.say("ACL SETUSER u on nopass -@all +publish +auth resetchannels &*a* &*b*");
        client.say("AUTH u x");
        for _ in 0..3 {
            assert_eq!(client.say("PUBLISH xa m\r\nPUBLISH xb m\r\nPUBLISH xc m"), format!(":0\r\n:0\r\n{NO_CHANNEL}"));
            let refused = client.say("SPUBLISH xa m");
            assert!(refused.starts_with("-NOPERM User u has no permissions to run"), "{refused}");
        }
        assert!(client.client.info.held.get(Holding::Permitted) > 0);
        operator.say("ACL SETUSER u resetchannels &*b* %S&*a*");
        assert_eq!(client.say("PUBLISH xa m\r\nPUBLISH xb m"), format!("{NO_CHANNEL}:0\r\n"));
        operator.say("ACL SETUSER u -publish");
        assert!(client.say("PUBLISH xb m").starts_with("-NOPERM User u"));
        operator.say("ACL SETUSER u +publish\r\nACL SETUSER v on nopass +publish resetchannels &*c*");
        assert_eq!(client.say("PUBLISH xb m\r\nAUTH v x\r\nPUBLISH xb m"), format!(":0\r\n+OK\r\n{NO_CHANNEL}"));
        operator.say("ACL SETUSER v -publish +publish|xc");
        assert_eq!(client.say("PUBLISH xc m"), ":0\r\n");
        assert!(client.say("PUBLISH xxc m").starts_with("-NOPERM User v"));
    }

    #[test]
    fn p11_what_is_remembered_of_very_many_channels_is_bounded_and_counted() {
        let world = World::new();
        let (operator, client) = (world.client(), world.client());
        operator.say("ACL SETUSER u on nopass +publish resetchannels &*a*");
        client.say("AUTH u x");
        for number in 0..2_000 {
            assert_eq!(client.say(&format!("PUBLISH a{number:050} m")), ":0\r\n");
        }
        let held = client.client.info.held.get(Holding::Permitted);
        assert!((256 * 51..32 * 1024).contains(&held), "{held} bytes");
        assert_eq!(client.say(&format!("PUBLISH {} m", "a".repeat(1_000))), ":0\r\n");
        assert_eq!(client.client.info.held.get(Holding::Permitted), held);
        client.leave();
        assert_eq!(world.server.clients.held.total(), operator.client.info.held.sum());
    }
}
