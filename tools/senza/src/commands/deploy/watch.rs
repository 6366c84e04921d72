//! Telling whether a version does well: CloudWatch alarms and a health URL.

use std::time::{Duration, Instant};

use reqwest::Client;
use stups_aws::Session;
use stups_aws::cloudwatch::types::{AlarmType, StateValue};

use crate::Error;
use crate::http;

/// How often in a row alarms may be out of reach.
const UNREACHABLE_IN_A_ROW: u32 = 3;

/// What is looked at.
#[derive(Debug)]
pub(super) struct Watch {
    session: Session,
    alarms: Vec<String>,
    health: Option<Health>,
    interval: Duration,
}

/// A URL that answers with success while all is well.
#[derive(Debug)]
struct Health {
    url: String,
    client: Client,
    /// how many failures in a row are one too many
    failures: u32,
}

/// How often each was not well, in a row.
#[derive(Debug, Default)]
struct Streaks {
    health: u32,
    alarms: u32,
}

/// What one look shows.
#[derive(Debug, PartialEq)]
enum Look {
    Well,
    /// not well, but not often enough yet
    Doubtful,
    /// why it is not well
    Bad(String),
}

impl Watch {
    /// `failures` in a row of the URL are one too many; each answer may take `timeout`.
    pub(super) fn new(
        session: &Session,
        alarms: &[String],
        health_url: Option<&str>,
        failures: u32,
        timeout: Duration,
        interval: Duration,
    ) -> Result<Self, Error> {
        let health = health_url.map(|url| {
            let client = http::client(timeout);
            let client =
                client.map_err(|error| Error::Fatal(format!("No requests can be made: {}", http::cause(&error))))?;
            Ok::<_, Error>(Health {
                url: url.to_owned(),
                client,
                failures,
            })
        });
        Ok(Self {
            session: session.clone(),
            alarms: alarms.to_vec(),
            health: health.transpose()?,
            interval,
        })
    }

    /// Whether there is anything to look at.
    pub(super) fn has_checks(&self) -> bool {
        !self.alarms.is_empty() || self.health.is_some()
    }

    /// `alarms a, b and https://...`
    pub(super) fn in_words(&self) -> String {
        let mut words = Vec::new();
        if !self.alarms.is_empty() {
            let plural = if self.alarms.len() == 1 { "" } else { "s" };
            words.push(format!("alarm{plural} {}", self.alarms.join(", ")));
        }
        words.extend(self.health.as_ref().map(|health| health.url.clone()));
        words.join(" and ")
    }

    /// Refuses alarms that do not exist, and those that say already that something is wrong.
    pub(super) async fn check_beforehand(&self) -> Result<(), Error> {
        let states = self.alarm_states().await?;
        if let Some(missing) = self
            .alarms
            .iter()
            .find(|alarm| !states.iter().any(|(name, _, _)| name == *alarm))
        {
            return Err(Error::Fatal(format!(
                "There is no CloudWatch alarm \"{missing}\" in this region"
            )));
        }
        match in_alarm(&states) {
            Some(reason) => Err(Error::Fatal(format!("{reason}. Nothing was changed."))),
            None => Ok(()),
        }
    }

    /// Looks again and again for as long as `pause` says, at least once, and longer while the last look was doubtful. The answer is
    /// why it is not well, if it is not.
    pub(super) async fn during(&self, pause: Duration, tick: impl Fn()) -> Option<String> {
        let start = Instant::now();
        let mut streaks = Streaks::default();
        loop {
            let look = self.look(&mut streaks).await;
            let left = pause.saturating_sub(start.elapsed());
            let next = match look {
                Look::Bad(reason) => return Some(reason),
                Look::Well if left.is_zero() => return None,
                Look::Well => self.interval.min(left),
                Look::Doubtful => self.interval,
            };
            tick();
            tokio::time::sleep(next).await;
        }
    }

    async fn look(&self, streaks: &mut Streaks) -> Look {
        let mut is_doubtful = false;
        if !self.alarms.is_empty() {
            match self.alarm_states().await {
                Ok(states) => {
                    streaks.alarms = 0;
                    if let Some(reason) = in_alarm(&states) {
                        return Look::Bad(reason);
                    }
                    if let Some(gone) = self
                        .alarms
                        .iter()
                        .find(|alarm| !states.iter().any(|(name, _, _)| name == *alarm))
                    {
                        return Look::Bad(format!("Alarm {gone} does not exist any more"));
                    }
                }
                Err(error) => {
                    streaks.alarms += 1;
                    if streaks.alarms >= UNREACHABLE_IN_A_ROW {
                        return Look::Bad(format!("The alarms can't be read: {error}"));
                    }
                    is_doubtful = true;
                }
            }
        }
        if let Some(health) = &self.health {
            match health.ask().await {
                Ok(()) => streaks.health = 0,
                Err(reason) => {
                    streaks.health += 1;
                    if streaks.health >= health.failures {
                        let times = if streaks.health == 1 { "once" } else { "times in a row" };
                        let count = if streaks.health == 1 {
                            String::new()
                        } else {
                            format!("{} ", streaks.health)
                        };
                        return Look::Bad(format!("{} failed {count}{times}: {reason}", health.url));
                    }
                    is_doubtful = true;
                }
            }
        }
        if is_doubtful { Look::Doubtful } else { Look::Well }
    }

    /// Name, whether it is in ALARM, and why, of those that exist.
    async fn alarm_states(&self) -> Result<Vec<(String, bool, String)>, Error> {
        if self.alarms.is_empty() {
            return Ok(Vec::new());
        }
        let answer = self
            .session
            .cloudwatch()
            .describe_alarms()
            .set_alarm_names(Some(self.alarms.clone()))
            .alarm_types(AlarmType::MetricAlarm)
            .alarm_types(AlarmType::CompositeAlarm)
            .send()
            .await?;
        let metric = answer
            .metric_alarms()
            .iter()
            .map(|alarm| (alarm.alarm_name(), alarm.state_value(), alarm.state_reason()));
        let composite = answer
            .composite_alarms()
            .iter()
            .map(|alarm| (alarm.alarm_name(), alarm.state_value(), alarm.state_reason()));
        Ok(metric
            .chain(composite)
            .map(|(name, state, reason)| {
                let is_on = state == Some(&StateValue::Alarm);
                (
                    name.unwrap_or_default().to_owned(),
                    is_on,
                    reason.unwrap_or_default().to_owned(),
                )
            })
            .collect())
    }
}

fn in_alarm(states: &[(String, bool, String)]) -> Option<String> {
    let (name, _, reason) = states.iter().find(|(_, is_on, _)| *is_on)?;
    let reason = if reason.is_empty() {
        String::new()
    } else {
        format!(": {reason}")
    };
    Some(format!("Alarm {name} is in state ALARM{reason}"))
}

impl Health {
    async fn ask(&self) -> Result<(), String> {
        let answer = self.client.get(&self.url).send().await.map_err(|error| {
            if error.is_timeout() {
                "no answer in time".to_owned()
            } else {
                http::cause(&error)
            }
        })?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(format!("it answered {}", answer.status()))
        }
    }
}
