//! Which generation of AWS resources a template is made of.

use clap::ValueEnum as _;
use stups_yaml::Value;

use crate::Error;
use crate::settings::Settings;

/// The environment variable that chooses for a whole CI job.
const VARIABLE: &str = "SENZA_COMPAT";

/// The one switch between the original's output and today's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Compatibility {
    /// The JSON value that senza 2.1 generates: launch configurations, IMDSv1 allowed.
    #[value(name = "2.1")]
    Senza2,
    /// What AWS gives new accounts: launch templates, IMDSv2 required, gp3 encrypted volumes.
    #[default]
    #[value(name = "3")]
    Senza3,
}

impl Compatibility {
    /// What the value of `SenzaInfo.Compatibility` or of the configuration file says: `2.1` or `3`, as number or text.
    pub(crate) fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Int(3) => Some(Self::Senza3),
            Value::Float(number) if (*number - 3.0).abs() < f64::EPSILON => Some(Self::Senza3),
            Value::Float(number) if (*number - 2.1).abs() < f64::EPSILON => Some(Self::Senza2),
            Value::String(text) => Self::from_str(text, false).ok(),
            _ => None,
        }
    }

    /// The generation that a deployed template is of; nothing when it has no resource that tells.
    pub(crate) fn of_template(template: &Value) -> Option<Self> {
        let resources = template.get("Resources")?.as_map()?;
        let has = |resource_type: &str| {
            resources
                .values()
                .any(|resource| resource.get("Type").and_then(Value::as_str) == Some(resource_type))
        };
        // Today's default version and encryption would replace the data of a Redis that senza 2.1 made.
        let has_old_redis = ["RedisCacheCluster", "RedisReplicationGroup"].iter().any(|id| {
            let properties = resources.get(*id).and_then(|resource| resource.get("Properties"));
            properties.is_some_and(|properties| {
                let is_group = *id == "RedisReplicationGroup";
                let parameters = properties.get("CacheParameterGroupName").and_then(Value::as_str);
                let is_unencrypted = is_group && properties.get("AtRestEncryptionEnabled").is_none();
                is_unencrypted || parameters.is_some_and(|name| name.starts_with("default.redis2"))
            })
        });
        if has("AWS::AutoScaling::LaunchConfiguration") || has_old_redis {
            Some(Self::Senza2)
        } else if has("AWS::EC2::LaunchTemplate") {
            Some(Self::Senza3)
        } else {
            None
        }
    }
}

/// Everything outside the definition that has a say in the choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompatibilityChoice {
    /// `--compat` or `--launch-templates`
    pub requested: Option<Compatibility>,
    /// `SENZA_COMPAT`
    pub environment: Option<Compatibility>,
    /// `defaults.compatibility` in the configuration file, or that of the command
    pub configured: Option<Compatibility>,
    /// an update: changing the generation of a deployed stack is never a side effect
    pub keep_deployed: bool,
}

impl CompatibilityChoice {
    /// The choice of a command line with `requested`, in this process's environment and with these settings for the
    /// command of that name.
    pub(crate) fn of_process(
        requested: Option<Compatibility>,
        keep_deployed: bool,
        settings: &Settings,
        command: &str,
    ) -> Result<Self, Error> {
        let environment = std::env::var(VARIABLE).ok().filter(|value| !value.is_empty());
        let configured = settings
            .section("defaults")
            .and_then(|defaults| configured_for(defaults, command));
        Self {
            requested,
            keep_deployed,
            ..Self::default()
        }
        .with_defaults(environment.as_deref(), configured)
    }

    fn with_defaults(mut self, environment: Option<&str>, configured: Option<&Value>) -> Result<Self, Error> {
        self.environment = environment
            .map(|text| {
                Compatibility::from_value(&Value::from(text))
                    .ok_or_else(|| Error::Usage(format!("{VARIABLE} must be 2.1 or 3, not \"{text}\"")))
            })
            .transpose()?;
        self.configured = configured
            .map(|value| {
                Compatibility::from_value(value).ok_or_else(|| {
                    Error::Usage("compatibility under defaults in senza's config.yaml must be 2.1 or 3".into())
                })
            })
            .transpose()?;
        Ok(self)
    }

    /// The strongest of: what was requested, what is deployed, the environment, the definition, the configuration file; else
    /// [`Compatibility::Senza3`].
    pub(crate) fn decide(self, deployed: Option<Compatibility>, definition: Option<Compatibility>) -> Compatibility {
        self.requested
            .or(deployed)
            .or(self.environment)
            .or(definition)
            .or(self.configured)
            .unwrap_or_default()
    }
}

/// What `defaults` says for a command, else for all.
fn configured_for<'a>(defaults: &'a Value, command: &str) -> Option<&'a Value> {
    let names = ["compatibility", "compat"];
    let of_command = names.iter().find_map(|name| {
        let written_by_config = defaults.get(format!("{command}.{name}").as_str());
        written_by_config.or_else(|| defaults.get(command)?.get(name))
    });
    of_command.or_else(|| defaults.get("compatibility"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Compatibility::{Senza2, Senza3};

    #[test]
    fn the_strongest_voice_decides() {
        let all = CompatibilityChoice {
            requested: Some(Senza3),
            environment: Some(Senza2),
            configured: Some(Senza2),
            keep_deployed: true,
        };
        assert_eq!(all.decide(Some(Senza2), Some(Senza2)), Senza3);
        let unasked = CompatibilityChoice {
            requested: None,
            environment: Some(Senza3),
            ..all
        };
        assert_eq!(unasked.decide(Some(Senza2), Some(Senza3)), Senza2);
        assert_eq!(unasked.decide(None, Some(Senza2)), Senza3);
        let silent = CompatibilityChoice {
            environment: None,
            ..unasked
        };
        assert_eq!(silent.decide(None, Some(Senza3)), Senza3);
        assert_eq!(silent.decide(None, None), Senza2);
        assert_eq!(CompatibilityChoice::default().decide(None, None), Senza3);
    }

    #[test]
    fn numbers_and_text_are_understood_anything_else_is_refused() {
        for (text, expected) in [
            ("2.1", Some(Senza2)),
            ("'2.1'", Some(Senza2)),
            ("3", Some(Senza3)),
            ("'3'", Some(Senza3)),
            ("3.0", Some(Senza3)),
            ("2", None),
            ("[3]", None),
            ("", None),
        ] {
            assert_eq!(
                Compatibility::from_value(&stups_yaml::load(text).unwrap()),
                expected,
                "{text}"
            );
        }
        let choice = CompatibilityChoice::default();
        assert_eq!(
            choice.with_defaults(Some("2.1"), None).unwrap().environment,
            Some(Senza2)
        );
        for refused in [
            choice.with_defaults(Some("latest"), None),
            choice.with_defaults(None, Some(&Value::Int(4))),
        ] {
            assert_eq!(refused.unwrap_err().into_failure().exit_code, 2);
        }
    }

    #[test]
    fn a_command_has_a_default_of_its_own() {
        for (defaults, expected) in [
            ("{compatibility: 3, print: {compat: 2.1}}", Some(Value::Float(2.1))),
            (
                "{print.compatibility: '2.1', compatibility: 3}",
                Some(Value::from("2.1")),
            ),
            ("{compatibility: 3, create: {compat: 2.1}}", Some(Value::Int(3))),
            ("{create: {compat: 2.1}}", None),
        ] {
            let defaults = stups_yaml::load(defaults).unwrap();
            assert_eq!(configured_for(&defaults, "print"), expected.as_ref(), "{defaults:?}");
        }
    }

    #[test]
    fn a_deployed_template_tells_its_generation() {
        for (resources, expected) in [
            ("{A: {Type: 'AWS::AutoScaling::LaunchConfiguration'}}", Some(Senza2)),
            ("{A: {Type: 'AWS::EC2::LaunchTemplate'}}", Some(Senza3)),
            ("{A: {Type: 'AWS::SNS::Topic'}}", None),
            (
                "{RedisCacheCluster: {Type: 'AWS::ElastiCache::CacheCluster', Properties: {CacheParameterGroupName: default.redis2.8}}}",
                Some(Senza2),
            ),
            (
                "{RedisReplicationGroup: {Type: 'AWS::ElastiCache::ReplicationGroup', Properties: {EngineVersion: '6.2'}}}",
                Some(Senza2),
            ),
            (
                "{RedisReplicationGroup: {Type: 'AWS::ElastiCache::ReplicationGroup', Properties: {AtRestEncryptionEnabled: true}}}",
                None,
            ),
            ("[]", None),
        ] {
            let template = stups_yaml::load(&format!("Resources: {resources}")).unwrap();
            assert_eq!(Compatibility::of_template(&template), expected);
        }
    }
}
