/// What S3 keeps as one object, in bytes.
pub(crate) const LARGEST_OBJECT: u64 = 5 << 40;

/// How many parts an object has at most; S3 takes 10,000.
const MOST_PARTS: u64 = 9_000;

/// How many bytes S3 takes as one part.
const LARGEST_PART: u64 = 5 << 30;

/// How many bytes of one push may wait to be written before only one part does.
const WINDOW: usize = 32 << 20;

/// How an object is written: in equal parts but for the last, as some S3 clones demand, unless they may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    /// How many bytes are written at once.
    pub(super) size: usize,
    /// How many at most, where parts may grow.
    pub(super) largest: Option<usize>,
    /// How many parts are being written while the next one is collected.
    pub(super) at_once: usize,
    /// How many bytes one object may have.
    pub(super) together: u64,
}

impl Parts {
    /// Of files: pieces are small, so that a hundred pushes need little memory, and there may be any number of them.
    pub(super) fn of_files() -> Self {
        Self {
            size: 256 << 10,
            largest: Some(2 << 20),
            at_once: 1,
            together: u64::MAX,
        }
    }

    /// Of objects in S3, whose least part is 5 MiB.
    pub(super) fn of_objects() -> Self {
        let size = 8 << 20;
        Self {
            size,
            largest: None,
            at_once: 2,
            together: size as u64 * MOST_PARTS,
        }
    }

    /// How large the next part is, after so many bytes. Each part is handed to other threads, which costs the same for any size; but
    /// until the first is full they have nothing to do. Whole pages, as those of files are written.
    pub(super) fn next(self, written: u64, is_roomy: bool) -> usize {
        let Some(largest) = self.largest.filter(|_| is_roomy) else {
            return self.size;
        };
        let grown = usize::try_from(written / 8).unwrap_or(usize::MAX) / self.size * self.size;
        grown.clamp(self.size, largest)
    }

    /// For what has this length. A part grows only for what is known to be too long for usual ones, and waits alone then; what has no
    /// announced length goes on in another object, so that nobody needs memory for what may come.
    pub(super) fn of(self, length: Option<u64>) -> Self {
        let Some(length) = length.filter(|length| *length > self.together) else {
            return self;
        };
        let size = length.div_ceil(MOST_PARTS).clamp(self.size as u64, LARGEST_PART);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        Self {
            size,
            largest: None,
            at_once: if size.saturating_mul(3) <= WINDOW {
                self.at_once
            } else {
                0
            },
            together: (size as u64).saturating_mul(MOST_PARTS),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_object_fits_into_the_parts_that_s3_takes(length in 0..=LARGEST_OBJECT, announced: bool) {
            let parts = Parts::of_objects().of(announced.then_some(length));
            let size = parts.size as u64;
            prop_assert!((5 << 20..=LARGEST_PART).contains(&size), "{parts:?}");
            prop_assert!(parts.together <= LARGEST_OBJECT + MOST_PARTS && parts.together.div_ceil(size) <= 10_000, "{parts:?}");
            prop_assert!(!announced || length <= parts.together, "{parts:?}");
        }

        /// What is being collected, and what is being written: of usual parts a few, of large ones one, that a 9000th of an object.
        #[test]
        fn memory_is_bounded(length in 0..=LARGEST_OBJECT, announced: bool) {
            let parts = Parts::of_objects().of(announced.then_some(length));
            let memory = parts.size * (parts.at_once + 1);
            prop_assert!(memory <= WINDOW || (announced && memory as u64 <= length.div_ceil(MOST_PARTS)), "{parts:?}");
        }

        #[test]
        fn parts_of_a_file_grow_where_there_is_room_and_others_do_not(written: u64) {
            let files = Parts::of_files();
            prop_assert_eq!(files.next(written, false), files.size);
            let next = files.next(written, true);
            prop_assert!(next.is_multiple_of(files.size) && (files.size..=2 << 20).contains(&next), "{next}");
            prop_assert!(next == files.size || next as u64 * 8 <= written);
            prop_assert_eq!(Parts::of_objects().next(written, true), Parts::of_objects().size);
        }

        #[test]
        fn pieces_of_a_file_are_small_whatever_is_sent(length: Option<u64>) {
            prop_assert_eq!(Parts::of_files().of(length), Parts::of_files());
        }
    }

    #[test]
    fn the_largest_of_each_kind() {
        let usual = Parts::of_objects();
        assert_eq!(usual.together, 75_497_472_000);
        assert_eq!(usual.of(None), usual);
        assert_eq!(usual.of(Some(usual.together)), usual);
        assert_eq!(usual.of(Some(usual.together + 1)).size, usual.size + 1);
        // 5 TiB.
        assert_eq!(usual.of(Some(LARGEST_OBJECT)).size, 610_839_794);
        assert_eq!(usual.of(Some(LARGEST_OBJECT)).at_once, 0);
        assert_eq!(usual.of(Some(u64::MAX)).size as u64, LARGEST_PART);
    }
}
