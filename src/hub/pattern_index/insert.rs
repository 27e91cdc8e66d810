//! How patterns enter and leave the trie.

use super::edge::{Edge, Link, Target};
use super::node::{Node, OnlyWay};
use super::program;
use super::reach::{Phase, Reach};
use super::{PatternIndex, ROOT};

impl<V> PatternIndex<V> {
    /// Hangs an entry into the trie.
    pub(super) fn link(&mut self, key: usize) {
        let program = std::mem::take(&mut self.entries[key].program);
        let (mut node, mut reach) = (ROOT, Reach::default());
        while let Some((edge, len)) = reach.next(&program) {
            let behind = reach.pass(&edge, len);
            node = match self.nodes[node].child(&edge).map(Link::target) {
                None => break,
                Some(Target::Entry(other)) => self.split_leaf(node, &edge, other, behind, &program),
                Some(Target::Node(child)) => self.split_node(node, &edge, child, &program[behind.at..]),
            };
            reach = behind.pass_label(self.nodes[node].label.len());
        }
        self.entries[key].program = program;
        self.hang(node, key, reach);
    }

    /// Takes an entry out of the trie, with the nodes at which patterns part no longer.
    pub(super) fn unlink(&mut self, key: usize) {
        let program = std::mem::take(&mut self.entries[key].program);
        let (mut node, mut reach) = (ROOT, Reach::default());
        let mut path = Vec::new();
        loop {
            let Some((edge, len)) = reach.next(&program) else {
                self.remove_end(node, key);
                break;
            };
            let Some(Target::Node(child)) = self.nodes[node].child(&edge).map(Link::target) else {
                self.nodes[node].remove_child(&edge);
                break;
            };
            let behind = reach.pass(&edge, len);
            path.push((node, edge, behind));
            (node, reach) = (child, behind.pass_label(self.nodes[child].label.len()));
        }
        while let Some((parent, edge, behind)) = path.pop() {
            if self.nodes[node].ways() == 0 {
                self.nodes.remove(node);
                self.nodes[parent].remove_child(&edge);
            } else if let Some(link) = self.fold(node, behind) {
                self.nodes[parent].set_child(&edge, link);
            } else {
                break;
            }
            node = parent;
        }
    }

    /// Hangs an entry on a node, by the edge that no other has, or where no further node may follow.
    fn hang(&mut self, node: usize, key: usize, reach: Reach) {
        match reach.next(&self.entries[key].program) {
            None => {
                let first = self.nodes[node].ends.replace(Link::to_entry(key));
                if let Some(Target::Entry(first)) = first.map(Link::target) {
                    self.entries[first].previous = Some(Link::to_entry(key));
                }
                (self.entries[key].previous, self.entries[key].next) = (None, first);
                self.place(key, reach);
            }
            Some((edge, len)) => {
                self.nodes[node].set_child(&edge, Link::to_entry(key));
                self.place(key, reach.pass(&edge, len));
            }
        }
    }

    /// Notes where an entry's program goes on alone.
    fn place(&mut self, key: usize, reach: Reach) {
        let entry = &mut self.entries[key];
        entry.tail = program::narrow(reach.at);
        entry.part = if reach.phase == Phase::Parts { program::narrow(reach.part) } else { entry.first_part };
    }

    fn remove_end(&mut self, node: usize, key: usize) {
        let (previous, next) = (self.entries[key].previous, self.entries[key].next);
        match previous.map(Link::target) {
            Some(Target::Entry(previous)) => self.entries[previous].next = next,
            _ => self.nodes[node].ends = next,
        }
        if let Some(Target::Entry(next)) = next.map(Link::target) {
            self.entries[next].previous = previous;
        }
    }

    /// Puts a node where an entry hung, labelled with what the entry shares with `program`, and the entry below it.
    fn split_leaf(&mut self, parent: usize, edge: &Edge, other: usize, behind: Reach, program: &[u8]) -> usize {
        let rest = &self.entries[other].program[behind.at..];
        let label = &rest[..program::shared(rest, &program[behind.at..], behind.label_room())];
        let reach = behind.pass_label(label.len());
        let node = self.nodes.insert(Node::labelled(label));
        self.nodes[parent].set_child(edge, Link::to_node(node));
        self.hang(node, other, reach);
        node
    }

    /// Cuts a node's label where it differs from `rest`; returns the node whose label is shared in full.
    fn split_node(&mut self, parent: usize, edge: &Edge, child: usize, rest: &[u8]) -> usize {
        let label = std::mem::take(&mut self.nodes[child].label);
        let shared = program::shared(&label, rest, usize::MAX);
        let Some((next, below)) = Edge::split_first(&label[shared..]) else {
            self.nodes[child].label = label;
            return child;
        };
        self.nodes[child].label = below.into();
        let mut upper = Node::labelled(&label[..shared]);
        upper.set_child(&next, Link::to_node(child));
        let upper = self.nodes.insert(upper);
        self.nodes[parent].set_child(edge, Link::to_node(upper));
        upper
    }

    /// Removes a node that does not branch, and answers what takes its place behind the edge that `behind` has passed;
    /// `None` if the node has to stay.
    fn fold(&mut self, node: usize, behind: Reach) -> Option<Link> {
        let link = match self.nodes[node].only_way()? {
            OnlyWay::Child(edge, link) => match link.target() {
                Target::Entry(_) => link,
                Target::Node(below) => {
                    let mut label = self.nodes[node].label.to_vec();
                    edge.write(&mut label);
                    label.extend_from_slice(&self.nodes[below].label);
                    if edge == Edge::Star || label.len() > behind.label_room() {
                        return None;
                    }
                    self.nodes[below].label = label.into();
                    link
                }
            },
            OnlyWay::Ends(link) => link,
        };
        if let Target::Entry(key) = link.target() {
            if self.entries[key].next.is_some() {
                return None;
            }
            self.place(key, behind);
        }
        self.nodes.remove(node);
        Some(link)
    }
}
