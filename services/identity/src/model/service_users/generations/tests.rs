use proptest::prelude::*;

use super::*;

const GRACE: i64 = 300_000;
const HOUR: i64 = 3_600_000;

fn one(id: &str, created_at: i64) -> Generation {
    Generation {
        id: id.to_owned(),
        txid: Some(format!("tx-{id}")),
        created_at,
        committed_at: None,
        expires_at: None,
        last_used_at: None,
    }
}

#[test]
fn the_fourth_uncommitted_one_drops_the_oldest_that_is_not_used() {
    let mut all = vec![one("a", 1), one("b", 2), one("c", 3)];
    assert_eq!(superfluous(&all), ["a"]);
    all[0].last_used_at = Some(10);
    assert_eq!(superfluous(&all), ["b"]);
    all[1].last_used_at = Some(11);
    assert_eq!(superfluous(&all), ["c"]);
    all[2].last_used_at = Some(12);
    assert_eq!(superfluous(&all), ["a"], "only the two that were used last are kept");
    for one in &mut all {
        one.last_used_at = Some(13);
    }
    assert_eq!(
        superfluous(&all),
        ["a"],
        "files hold the younger of those used at one time"
    );
}

#[test]
fn an_uncommitted_one_expires_after_a_day_unless_it_is_used() {
    let mut all = vec![one("a", 0), one("b", HOUR)];
    assert_eq!(valid(&all, 24 * HOUR - 1), [true, true]);
    assert_eq!(valid(&all, 24 * HOUR), [false, true]);
    all[0].last_used_at = Some(HOUR);
    assert_eq!(valid(&all, 1000 * HOUR), [true, true]);
}

#[test]
fn the_youngest_waits_for_a_slow_worker_until_there_is_a_younger_one() {
    let mut committed = one("a", 0);
    committed.committed_at = Some(0);
    let mut all = vec![committed, one("b", HOUR)];
    assert_eq!(valid(&all, 1000 * HOUR), [true, true]);
    all.push(one("c", 1000 * HOUR));
    assert_eq!(valid(&all, 1000 * HOUR), [true, false, true]);
}

#[test]
fn what_nobody_rotated_never_expires() {
    let mut imported = one("a", 0);
    imported.txid = None;
    assert_eq!(valid(&[imported], 100_000 * HOUR), [true]);
}

/// The service and the files of two buckets, as a worker that dies at any moment leaves them.
#[derive(Default)]
struct World {
    now: i64,
    made: i64,
    present: Vec<Generation>,
    /// What the worker has got and not yet committed.
    pending: Option<String>,
    files: [Option<String>; 2],
}

#[derive(Clone, Debug)]
enum Step {
    /// The worker asks for a new one. With `lost`, it dies before it reads the answer.
    Post { lost: bool },
    /// The worker writes a file; the application there reads it and uses it.
    Write { bucket: usize },
    /// The worker commits, when both files hold what it has got. With `lost`, it does not learn of it, and tries again.
    Commit { lost: bool },
    /// The worker dies and starts again.
    Crash,
    /// Time goes by; applications get new tokens at least every eight hours.
    Wait { minutes: i64 },
}

impl World {
    fn post(&mut self, lost: bool) {
        let dropped = expired(&self.present, self.now);
        self.present.retain(|one| !dropped.contains(&one.id));
        let dropped = superfluous(&self.present);
        self.present.retain(|one| !dropped.contains(&one.id));
        self.made += 1;
        self.now += 1;
        let id = format!("{:09}", self.made);
        self.present.push(one(&id, self.now));
        self.pending = (!lost).then_some(id);
    }

    fn use_files(&mut self) {
        let valid = valid(&self.present, self.now);
        for (one, valid) in self.present.iter_mut().zip(valid) {
            if valid && self.files.contains(&Some(one.id.clone())) {
                one.last_used_at = Some(self.now);
            }
        }
    }

    fn commit(&mut self) {
        let Some(id) = self
            .pending
            .clone()
            .filter(|id| self.files.iter().all(|file| file.as_ref() == Some(id)))
        else {
            return;
        };
        let valid = valid(&self.present, self.now);
        let Some(index) = self
            .present
            .iter()
            .zip(valid)
            .position(|(one, valid)| valid && one.id == id)
        else {
            return;
        };
        let old = superseded(&self.present, &self.present[index]);
        let end = self.now + GRACE;
        for one in self.present.iter_mut().filter(|one| old.contains(&one.id)) {
            one.expires_at = Some(one.expires_at.map_or(end, |expires_at| expires_at.min(end)));
        }
        self.present[index].committed_at.get_or_insert(self.now);
        self.present[index].expires_at = None;
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Post { lost } => self.post(*lost),
            Step::Write { bucket } => {
                if let Some(id) = self.pending.clone() {
                    self.files[*bucket] = Some(id);
                    self.use_files();
                }
            }
            Step::Commit { lost } => {
                self.commit();
                if !lost {
                    self.pending = None;
                }
            }
            Step::Crash => self.pending = None,
            Step::Wait { minutes } => {
                let end = self.now + minutes * 60_000;
                while self.now < end {
                    self.now = end.min(self.now + 8 * HOUR);
                    self.use_files();
                }
            }
        }
    }

    /// Whether some file holds one that is good.
    fn works(&self) -> bool {
        let valid = valid(&self.present, self.now);
        self.present
            .iter()
            .zip(valid)
            .any(|(one, valid)| valid && self.files.contains(&Some(one.id.clone())))
    }
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<bool>().prop_map(|lost| Step::Post { lost }),
        (0..2_usize).prop_map(|bucket| Step::Write { bucket }),
        (0..2_usize).prop_map(|bucket| Step::Write { bucket }),
        any::<bool>().prop_map(|lost| Step::Commit { lost }),
        Just(Step::Crash),
        (1..3000_i64).prop_map(|minutes| Step::Wait { minutes }),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_some_file_holds_a_password_that_works(steps in prop::collection::vec(steps(), 0..80)) {
        let mut world = World::default();
        for step in [Step::Post { lost: false }, Step::Write { bucket: 0 }, Step::Write { bucket: 1 }, Step::Commit { lost: false }] {
            world.step(&step);
        }
        for step in &steps {
            world.step(step);
            prop_assert!(world.works(), "after {step:?}");
            let uncommitted = world.present.iter().filter(|one| one.committed_at.is_none() && one.expires_at.is_none());
            prop_assert!(uncommitted.count() <= MAX_UNCOMMITTED);
        }
    }
}
