//! What was measured, and what is to be reached.

use std::fmt;

use super::sizes::Image;

/// MB/s of one registry.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rates {
    pub(super) push: f64,
    /// Of what was pushed a moment ago.
    pub(super) first_pull: f64,
    /// Of what was pulled before.
    pub(super) pull: f64,
}

/// How fast so many clients pushed and pulled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transfer {
    pub(super) image: Image,
    pub(super) clients: usize,
    pub(super) ours: Rates,
    pub(super) peer: Rates,
}

impl Transfer {
    /// The median of several rounds, each figure by itself: one round in which the disk was slow decides nothing.
    pub(super) fn of_rounds(image: Image, clients: usize, rounds: &[(Rates, Rates)]) -> Self {
        let median = |figure: &dyn Fn(&(Rates, Rates)) -> f64| {
            let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures.get(figures.len() / 2).copied().unwrap_or_default()
        };
        Self {
            image,
            clients,
            ours: Rates {
                push: median(&|round| round.0.push),
                first_pull: median(&|round| round.0.first_pull),
                pull: median(&|round| round.0.pull),
            },
            peer: Rates {
                push: median(&|round| round.1.push),
                first_pull: median(&|round| round.1.first_pull),
                pull: median(&|round| round.1.pull),
            },
        }
    }
}

/// One figure of both.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Side {
    ours: f64,
    peer: f64,
}

impl Side {
    pub(super) fn of(ours: f64, peer: f64) -> Self {
        Self { ours, peer }
    }

    fn ratio(self) -> f64 {
        self.ours / self.peer
    }
}

/// All figures that a goal is about.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    pub(super) transfers: Vec<Transfer>,
    /// manifests per second
    pub(super) manifests: Side,
    /// peak memory in MB
    pub(super) memory: Side,
    /// MB/s
    pub(super) openssl: f64,
}

/// A goal, with what was reached: a ratio, and what it has to be at least.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Goal {
    what: String,
    found: f64,
    least: f64,
}

impl Goal {
    pub(super) fn is_reached(&self) -> bool {
        self.found >= self.least
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_reached() { "reached" } else { "NOT REACHED" };
        write!(
            f,
            "{verdict:<12}{}: {:.2}, to reach {:.2}",
            self.what, self.found, self.least
        )
    }
}

impl Figures {
    /// Each goal, of images for each shape.
    pub(super) fn goals(&self) -> Vec<Goal> {
        let goal = |what: &str, found, least| Goal {
            what: what.to_owned(),
            found,
            least,
        };
        let mut goals = vec![
            goal("manifest GET beside the peer's", self.manifests.ratio(), 10.0),
            goal("the peer's peak memory beside ours", 1.0 / self.memory.ratio(), 1.0),
        ];
        for transfer in &self.transfers {
            let image = transfer.image;
            let push = transfer.ours.push / transfer.peer.push;
            let pull = transfer.ours.pull / transfer.peer.pull;
            if transfer.clients == 1 {
                goals.push(goal(&format!("push {image} beside the peer's, one client"), push, 3.0));
                let hashed = transfer.ours.push / self.openssl;
                goals.push(goal(&format!("push {image} beside openssl, one client"), hashed, 0.5));
                goals.push(goal(&format!("pull {image} beside the peer's, one client"), pull, 1.0));
            } else {
                goals.push(goal(
                    &format!("pull {image} beside the peer's, many clients"),
                    pull,
                    1.0,
                ));
            }
        }
        goals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_round_decides() {
        let rates = |push: f64, pull: f64| Rates {
            push,
            first_pull: -pull,
            pull,
        };
        let rounds = [
            (rates(100.0, 30.0), rates(7.0, 1.0)),
            (rates(1.0, 20.0), rates(9.0, 3.0)),
            (rates(90.0, 10.0), rates(8.0, 2.0)),
        ];
        let transfer = Transfer::of_rounds(Image { layers: 1, size: 1 }, 1, &rounds);
        assert_eq!((transfer.ours.push, transfer.ours.pull), (90.0, 20.0));
        assert_eq!((transfer.peer.push, transfer.peer.pull), (8.0, 2.0));
        assert_eq!((transfer.ours.first_pull, transfer.peer.first_pull), (-20.0, -2.0));
    }

    #[test]
    fn each_image_has_its_goals() {
        let rates = |(push, pull)| Rates {
            push,
            first_pull: 0.0,
            pull,
        };
        let transfer = |layers, clients, ours, peer| Transfer {
            image: Image { layers, size: 1 << 20 },
            clients,
            ours: rates(ours),
            peer: rates(peer),
        };
        let figures = Figures {
            transfers: vec![
                transfer(1, 1, (400.0, 1000.0), (100.0, 1000.0)),
                transfer(1, 16, (10.0, 990.0), (100.0, 1000.0)),
                transfer(2, 1, (240.0, 1000.0), (100.0, 1000.0)),
            ],
            manifests: Side::of(10_000.0, 1000.0),
            memory: Side::of(50.0, 60.0),
            openssl: 500.0,
        };
        let goals = figures.goals();
        let reached: Vec<bool> = goals.iter().map(Goal::is_reached).collect();
        assert_eq!(reached, [true, true, true, true, true, false, false, false, true]);
        assert_eq!(
            goals[6].to_string(),
            "NOT REACHED push 2 x 1 MiB beside the peer's, one client: 2.40, to reach 3.00"
        );
    }
}
