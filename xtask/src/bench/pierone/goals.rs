//! What was measured, and what is to be reached.

use std::fmt;

/// MB/s of one registry.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rates {
    pub(super) push: f64,
    pub(super) pull: f64,
}

/// How fast so many clients pushed and pulled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transfer {
    pub(super) clients: usize,
    pub(super) ours: Rates,
    pub(super) peer: Rates,
}

impl Transfer {
    /// The median of several rounds, each figure by itself: one round in which the disk was slow decides nothing.
    pub(super) fn of_rounds(clients: usize, rounds: &[(Rates, Rates)]) -> Self {
        let median = |figure: &dyn Fn(&(Rates, Rates)) -> f64| {
            let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures.get(figures.len() / 2).copied().unwrap_or_default()
        };
        Self {
            clients,
            ours: Rates {
                push: median(&|round| round.0.push),
                pull: median(&|round| round.0.pull),
            },
            peer: Rates {
                push: median(&|round| round.1.push),
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Goal {
    what: &'static str,
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
    /// Each goal. Of several shapes of images the worst counts.
    pub(super) fn goals(&self) -> Vec<Goal> {
        let worst = |alone: bool, figure: &dyn Fn(&Transfer) -> f64| {
            let those = self
                .transfers
                .iter()
                .filter(|transfer| (transfer.clients == 1) == alone);
            those.map(figure).fold(f64::INFINITY, f64::min)
        };
        let push = |transfer: &Transfer| transfer.ours.push / transfer.peer.push;
        let hashed = |transfer: &Transfer| transfer.ours.push / self.openssl;
        let pull = |transfer: &Transfer| transfer.ours.pull / transfer.peer.pull;
        let goal = |what, found, least| Goal { what, found, least };
        vec![
            goal("manifest GET beside the peer's", self.manifests.ratio(), 10.0),
            goal("push beside the peer's, one client", worst(true, &push), 3.0),
            goal("push beside openssl, one client", worst(true, &hashed), 0.5),
            goal("pull beside the peer's, one client", worst(true, &pull), 1.0),
            goal("pull beside the peer's, many clients", worst(false, &pull), 1.0),
            goal("the peer's peak memory beside ours", 1.0 / self.memory.ratio(), 1.0),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_round_decides() {
        let rates = |push, pull| Rates { push, pull };
        let rounds = [
            (rates(100.0, 30.0), rates(7.0, 1.0)),
            (rates(1.0, 20.0), rates(9.0, 3.0)),
            (rates(90.0, 10.0), rates(8.0, 2.0)),
        ];
        let transfer = Transfer::of_rounds(1, &rounds);
        assert_eq!((transfer.ours.push, transfer.ours.pull), (90.0, 20.0));
        assert_eq!((transfer.peer.push, transfer.peer.pull), (8.0, 2.0));
    }

    #[test]
    fn the_worst_image_decides() {
        let transfer = |clients, ours: (f64, f64), peer: (f64, f64)| Transfer {
            clients,
            ours: Rates {
                push: ours.0,
                pull: ours.1,
            },
            peer: Rates {
                push: peer.0,
                pull: peer.1,
            },
        };
        let figures = Figures {
            transfers: vec![
                transfer(1, (400.0, 1000.0), (100.0, 1000.0)),
                transfer(1, (290.0, 1000.0), (100.0, 1000.0)),
                transfer(16, (10.0, 990.0), (100.0, 1000.0)),
            ],
            manifests: Side::of(10_000.0, 1000.0),
            memory: Side::of(50.0, 60.0),
            openssl: 500.0,
        };
        let goals = figures.goals();
        let reached: Vec<bool> = goals.iter().map(Goal::is_reached).collect();
        assert_eq!(reached, [true, false, true, true, false, true]);
        let shown = goals[1].to_string();
        assert_eq!(
            shown,
            "NOT REACHED push beside the peer's, one client: 2.90, to reach 3.00"
        );
    }
}
