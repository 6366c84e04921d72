//! Where the database keeps its data.

use super::super::answers::Answers;
use super::super::checks;
use crate::Error;

/// The families with disks of their own that may hold the data.
const FAMILIES_WITH_DISKS: [&str; 6] = ["c3", "g2", "hi1", "i2", "m3", "r3"];

/// The types that have a connection of their own to their volumes when they are asked to. Newer ones always have it.
const EBS_OPTIMIZED: [&str; 28] = [
    "c1.large",
    "c3.xlarge",
    "c3.2xlarge",
    "c3.4xlarge",
    "c4.large",
    "c4.xlarge",
    "c4.2xlarge",
    "c4.4xlarge",
    "c4.8xlarge",
    "d2.xlarge",
    "d2.2xlarge",
    "d2.4xlarge",
    "d2.8xlarge",
    "g2.2xlarge",
    "i2.xlarge",
    "i2.2xlarge",
    "i2.4xlarge",
    "m1.large",
    "m1.xlarge",
    "m2.2xlarge",
    "m2.4xlarge",
    "m3.xlarge",
    "m3.2xlarge",
    "r3.xlarge",
    "r3.2xlarge",
    "r3.4xlarge",
    "i2.8xlarge",
    "r3.8xlarge",
];

/// Where the database keeps its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Storage {
    /// the instance's own first disk: its content goes with the instance
    OwnDisk,
    Volume(Volume),
}

/// An EBS volume for each instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Volume {
    /// gigabytes
    pub(super) size: u32,
    /// `gp3`
    pub(super) kind: &'static str,
    /// operations per second that are paid for; only for types that have them
    pub(super) iops: Option<u32>,
    /// what it is filled with
    pub(super) snapshot_id: Option<String>,
    pub(super) is_optimized: bool,
}

impl Storage {
    pub(super) fn ask(answers: &Answers<'_>, instance_type: &str) -> Result<Self, Error> {
        let family = instance_type.split('.').next().unwrap_or_default();
        let has_disks = FAMILIES_WITH_DISKS.contains(&family);
        let question = "Do you want database data directory on external (EBS) storage?";
        if has_disks && !answers.confirm("use_ebs", question, true)? {
            return Ok(Self::OwnDisk);
        }
        let size = answers.value(
            "volume_size",
            "Database volume size (GB, 10 or more)",
            Some("10"),
            checks::volume_size,
        )?;
        let kind = kind(answers)?;
        Ok(Self::Volume(Volume {
            size,
            kind,
            iops: iops(answers, kind, size)?,
            snapshot_id: answers.value(
                "snapshot_id",
                "ID of the snapshot to populate EBS volume from",
                Some(""),
                checks::snapshot_id,
            )?,
            is_optimized: EBS_OPTIMIZED.contains(&instance_type),
        }))
    }

    /// Whether the file system is made anew at the first start.
    pub(super) fn is_empty_at_first(&self) -> bool {
        match self {
            Self::OwnDisk => true,
            Self::Volume(volume) => volume.snapshot_id.is_none(),
        }
    }
}

fn kind(answers: &Answers<'_>) -> Result<&'static str, Error> {
    answers.value(
        "volume_type",
        "Database volume type (gp3, gp2, io2, io1 or standard)",
        Some("gp3"),
        |text| {
            ["gp3", "gp2", "io2", "io1", "standard"]
                .into_iter()
                .find(|known| *known == text)
                .ok_or_else(|| format!("\"{text}\" is not one of gp3, gp2, io2, io1, standard"))
        },
    )
}

/// Operations per second for the types that need a number of them: 30 for each gigabyte unless said otherwise.
fn iops(answers: &Answers<'_>, kind: &str, size: u32) -> Result<Option<u32>, Error> {
    const LEAST: u32 = 100;
    // By gigabyte, and in all.
    let (ratio, limit) = match kind {
        "io1" => (50, 64_000),
        "io2" => (1_000, 256_000),
        _ => return Ok(None),
    };
    let most = size.saturating_mul(ratio).min(limit);
    let default = size.saturating_mul(30).clamp(LEAST, most);
    let question = format!("Provisioned I/O operations per second ({LEAST} - {most})");
    let iops = answers.value("volume_iops", &question, Some(&default.to_string()), |text| {
        text.parse()
            .ok()
            .filter(|iops| (LEAST..=most).contains(iops))
            .ok_or_else(|| format!("{text} is not from {LEAST} to {most}"))
    })?;
    Ok(Some(iops))
}

#[cfg(test)]
mod tests {
    use stups_terminal::Terminal;

    use super::super::super::answers::Unanswered;
    use super::*;

    fn asked(instance_type: &str, words: &[&str]) -> Result<Storage, String> {
        let (terminal, _) = Terminal::captured("");
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let unanswered = Unanswered {
            terminal: &terminal,
            takes_defaults: true,
        };
        let answers = Answers::new(unanswered, &words, &super::super::VARIABLES).unwrap();
        Storage::ask(&answers, instance_type).map_err(|error| error.to_string())
    }

    fn volume(instance_type: &str, words: &[&str]) -> Volume {
        match asked(instance_type, words).unwrap() {
            Storage::Volume(volume) => volume,
            Storage::OwnDisk => panic!("{instance_type} {words:?}: own disk"),
        }
    }

    #[test]
    fn only_types_that_can_be_optimized_are() {
        for (instance_type, expected) in [
            ("c3.xlarge", true),
            ("t2.micro", false),
            ("m3.medium", false),
            ("r3.large", false),
            ("m7g.large", false),
        ] {
            assert_eq!(volume(instance_type, &[]).is_optimized, expected, "{instance_type}");
        }
    }

    #[test]
    fn own_disks_are_for_families_that_have_some() {
        assert_eq!(asked("r3.xlarge", &["use_ebs=no"]).unwrap(), Storage::OwnDisk);
        assert!(matches!(asked("r3.xlarge", &[]).unwrap(), Storage::Volume(_)));
        assert!(matches!(
            asked("t3.medium", &["use_ebs=no"]).unwrap(),
            Storage::Volume(_)
        ));
    }

    #[test]
    fn operations_per_second_are_for_types_that_have_them() {
        for (words, expected) in [
            (&[][..], None),
            (&["volume_type=gp2", "volume_iops=300"], None),
            (&["volume_type=io1"], Some(300)),
            (&["volume_type=io1", "volume_size=5000"], Some(64_000)),
            (&["volume_type=io1", "volume_iops=500"], Some(500)),
            (&["volume_type=io2", "volume_size=100"], Some(3_000)),
        ] {
            assert_eq!(volume("t3.medium", words).iops, expected, "{words:?}");
        }
        for (words, expected) in [
            (
                &["volume_type=io1", "volume_iops=501"][..],
                "501 is not from 100 to 500",
            ),
            (&["volume_type=io1", "volume_iops=99"], "99 is not from 100 to 500"),
            (&["volume_type=ssd"], "\"ssd\" is not one of"),
            (&["volume_size=9"], "\"9\" is not a size"),
        ] {
            let error = asked("t3.medium", words).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_snapshot_is_not_erased() {
        let storage = asked("t3.medium", &["snapshot_id=snap-1"]).unwrap();
        assert!(!storage.is_empty_at_first());
        assert!(asked("t3.medium", &[]).unwrap().is_empty_at_first());
    }
}
