//! How patterns enter and leave the trie.

use super::node::{Edge, Link, Node, Target};
use super::{PatternIndex, ROOT};

impl<V> PatternIndex<V> {
    /// Hangs an entry into the trie.
    pub(super) fn link(&mut self, key: usize) {
        let pattern = std::mem::take(&mut self.entries[key].pattern);
        let mut node = ROOT;
        let mut rest = &pattern[..];
        loop {
            let Some((edge, after)) = Edge::split_first(rest) else {
                self.add_end(node, key);
                break;
            };
            node = match self.nodes[node].child(&edge).map(Link::target) {
                None => {
                    self.add_leaf(node, &edge, key, pattern.len() - after.len());
                    break;
                }
                Some(Target::Entry(other)) => self.split_leaf(node, &edge, other, after),
                Some(Target::Node(child)) => self.split_node(node, &edge, child, after),
            };
            rest = after_label(&self.nodes[node].label, after);
        }
        self.entries[key].pattern = pattern;
    }

    /// Takes an entry out of the trie, with the nodes that led to nothing else.
    pub(super) fn unlink(&mut self, key: usize) {
        let mut node = ROOT;
        let mut rest = &self.entries[key].pattern[..];
        // the last place where something else branches off, and the edge to cut there
        let mut cut = None;
        while let Some((edge, after)) = Edge::split_first(rest) {
            if node == ROOT || self.nodes[node].ways() > 1 {
                cut = Some((node, edge));
            }
            match self.nodes[node].child(&edge).map(Link::target) {
                Some(Target::Node(child)) => {
                    node = child;
                    rest = after_label(&self.nodes[node].label, after);
                }
                _ => break,
            }
        }
        if rest.is_empty() {
            self.remove_end(node, key);
            if node == ROOT || self.nodes[node].ways() > 0 {
                return;
            }
        }
        if let Some((node, edge)) = cut {
            self.cut(node, &edge);
        }
    }

    /// Drops a child and all nodes below it, none of which branches.
    fn cut(&mut self, node: usize, edge: &Edge) {
        let mut below = self.nodes[node].child(edge);
        self.nodes[node].remove_child(edge);
        while let Some(Target::Node(node)) = below.map(Link::target) {
            below = self.nodes.remove(node).only_child();
        }
    }

    fn add_leaf(&mut self, node: usize, edge: &Edge, key: usize, tail: usize) {
        let tail = if *edge == Edge::Star { tail - 1 } else { tail };
        self.entries[key].tail = u32::try_from(tail).expect("arguments are shorter than 4 GiB");
        self.nodes[node].set_child(edge, Link::to_entry(key));
    }

    fn add_end(&mut self, node: usize, key: usize) {
        let first = self.nodes[node].ends.replace(Link::to_entry(key));
        self.entries[key].next = first;
        if let Some(Target::Entry(first)) = first.map(Link::target) {
            self.entries[first].previous = Some(Link::to_entry(key));
        }
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

    /// Puts a node where an entry hung, labelled with what the entry shares with `after`, and the entry below it.
    fn split_leaf(&mut self, parent: usize, edge: &Edge, other: usize, after: &[u8]) -> usize {
        let pattern = std::mem::take(&mut self.entries[other].pattern);
        let mut tail = &pattern[self.entries[other].tail as usize..];
        let mut label = Vec::new();
        if *edge == Edge::Star {
            tail = &tail[1..];
        } else {
            let mut new = after;
            while let (Some((Edge::Byte(one), new_rest)), Some((Edge::Byte(two), tail_rest))) =
                (Edge::split_first(new), Edge::split_first(tail))
                && one == two
            {
                label.push(one);
                (new, tail) = (new_rest, tail_rest);
            }
        }
        let node = self.nodes.insert(Node::labelled(label.into(), self.walk));
        self.nodes[parent].set_child(edge, Link::to_node(node));
        match Edge::split_first(tail) {
            None => self.add_end(node, other),
            Some((edge, rest)) => self.add_leaf(node, &edge, other, pattern.len() - rest.len()),
        }
        self.entries[other].pattern = pattern;
        node
    }

    /// Cuts a node's label where it differs from `after`; returns the node whose label is shared in full.
    fn split_node(&mut self, parent: usize, edge: &Edge, child: usize, after: &[u8]) -> usize {
        let mut rest = after;
        let label = &self.nodes[child].label;
        let shared = label.iter().take_while(|&&byte| match Edge::split_first(rest) {
            Some((Edge::Byte(own), others)) if own == byte => {
                rest = others;
                true
            }
            _ => false,
        });
        let shared = shared.count();
        let label = std::mem::take(&mut self.nodes[child].label);
        let Some((&byte, below)) = label[shared..].split_first() else {
            self.nodes[child].label = label;
            return child;
        };
        self.nodes[child].label = below.into();
        let mut upper = Node::labelled(label[..shared].into(), self.walk);
        upper.set_child(&Edge::Byte(byte), Link::to_node(child));
        let upper = self.nodes.insert(upper);
        self.nodes[parent].set_child(edge, Link::to_node(upper));
        upper
    }
}

/// What is left of a pattern behind a label that it is known to begin with.
fn after_label<'p>(label: &[u8], mut pattern: &'p [u8]) -> &'p [u8] {
    for _ in label {
        pattern = Edge::split_first(pattern).map_or(pattern, |(_, rest)| rest);
    }
    pattern
}
