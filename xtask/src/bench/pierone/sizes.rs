//! How much is pushed and pulled.

use std::fmt;

/// An image of so many layers of one size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Image {
    pub(super) layers: usize,
    /// bytes of each
    pub(super) size: u64,
}

impl Image {
    pub(super) fn bytes(&self) -> u64 {
        self.layers as u64 * self.size
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {} MiB", self.layers, self.size >> 20)
    }
}

/// The sizes of one run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) images: &'static [Image],
    /// how many push and pull at once
    pub(super) clients: &'static [usize],
    /// how often what one client does is measured
    pub(super) rounds: usize,
    /// how often what many do is
    pub(super) rounds_of_many: usize,
    /// tags of the repository whose tags are listed
    pub(super) tags: usize,
    /// how many push at once while memory is watched
    pub(super) pushes: usize,
    /// what each of those pushes
    pub(super) pushed: Image,
}

impl Sizes {
    /// Bytes of the largest layer.
    pub(super) fn largest(&self) -> u64 {
        let images = self.images.iter().chain([&self.pushed, &SMALL]);
        images.map(|image| image.size).max().unwrap_or_default()
    }
}

const fn mib(layers: usize, mebibytes: u64) -> Image {
    Image {
        layers,
        size: mebibytes << 20,
    }
}

/// What is behind tags whose manifests are read.
pub(super) const SMALL: Image = mib(1, 1);

pub(super) const FULL: Sizes = Sizes {
    images: &[mib(1, 512), mib(64, 4)],
    clients: &[1, 16],
    rounds: 5,
    rounds_of_many: 3,
    tags: 100,
    pushes: 100,
    pushed: mib(1, 16),
};

pub(super) const QUICK: Sizes = Sizes {
    images: &[mib(1, 8), mib(4, 1)],
    clients: &[1, 4],
    rounds: 3,
    rounds_of_many: 1,
    tags: 10,
    pushes: 10,
    pushed: mib(1, 1),
};
