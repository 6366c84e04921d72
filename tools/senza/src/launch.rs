//! What Auto Scaling groups launch their instances from.

use stups_aws::Session;
use stups_aws::autoscaling::types::{
    AutoScalingGroup, Instance, LaunchTemplate, LaunchTemplateSpecification, MixedInstancesPolicy,
};

use crate::Error;

/// What a group launches its instances from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Launch {
    /// a launch configuration, by name
    Configuration(String),
    /// launch templates: the group's, and those of overrides of a mixed group
    Templates(Vec<LaunchTemplateSpecification>),
}

impl Launch {
    /// What the group says.
    pub(crate) fn of(group: &AutoScalingGroup) -> Result<Self, Error> {
        if let Some(name) = group.launch_configuration_name().filter(|name| !name.is_empty()) {
            return Ok(Self::Configuration(name.to_owned()));
        }
        let mixed = mixed_policy(group).and_then(MixedInstancesPolicy::launch_template);
        let overrides = mixed.map(LaunchTemplate::overrides).unwrap_or_default();
        let templates: Vec<LaunchTemplateSpecification> = specification_of(group)
            .into_iter()
            .chain(
                overrides
                    .iter()
                    .filter_map(|other| other.launch_template_specification()),
            )
            .cloned()
            .collect();
        if templates.is_empty() {
            let name = group.auto_scaling_group_name().unwrap_or_default();
            return Err(Error::Fatal(format!(
                "Auto Scaling Group {name} has neither launch configuration nor launch template"
            )));
        }
        Ok(Self::Templates(templates))
    }

    /// The same with versions as numbers, so that instances can be compared with it.
    pub(crate) async fn resolve(self, session: &Session) -> Result<Resolved, Error> {
        match self {
            Self::Configuration(name) => Ok(Resolved::Configuration(name)),
            Self::Templates(templates) => {
                let versions = templates
                    .iter()
                    .map(|template| TemplateVersion::resolve(session, template));
                Ok(Resolved::Templates(futures::future::try_join_all(versions).await?))
            }
        }
    }
}

/// The policy of a group with several kinds of instances. Its launch template is not the group's own.
pub(crate) fn mixed_policy(group: &AutoScalingGroup) -> Option<&MixedInstancesPolicy> {
    let policy = group.mixed_instances_policy()?;
    policy.launch_template()?.launch_template_specification()?;
    group.launch_template().is_none().then_some(policy)
}

/// The launch template of a group, also of a mixed one.
pub(crate) fn specification_of(group: &AutoScalingGroup) -> Option<&LaunchTemplateSpecification> {
    group
        .launch_template()
        .or_else(|| mixed_policy(group)?.launch_template()?.launch_template_specification())
}

/// What instances that are up to date were launched from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resolved {
    /// a launch configuration, by name
    Configuration(String),
    /// one of these
    Templates(Vec<TemplateVersion>),
}

impl Resolved {
    /// Whether an instance was launched from it. One whose configuration is gone does not say what it was launched from.
    pub(crate) fn is_of(&self, instance: &Instance) -> bool {
        match self {
            Self::Configuration(name) => instance.launch_configuration_name() == Some(name),
            Self::Templates(versions) => instance.launch_template().is_some_and(|template| {
                versions.iter().any(|version| {
                    template.launch_template_id() == Some(&version.id) && template.version() == Some(&version.version)
                })
            }),
        }
    }
}

/// One version of a launch template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TemplateVersion {
    /// `lt-...`
    pub(crate) id: String,
    /// a number
    pub(crate) version: String,
}

impl TemplateVersion {
    /// Looks up what `$Latest`, `$Default` (also when no version is said) and a template given by name are.
    pub(crate) async fn resolve(session: &Session, said: &LaunchTemplateSpecification) -> Result<Self, Error> {
        let number = said.version().filter(|version| version.parse::<u64>().is_ok());
        if let (Some(id), Some(version)) = (said.launch_template_id(), number) {
            return Ok(Self {
                id: id.to_owned(),
                version: version.to_owned(),
            });
        }
        let request = session.ec2().describe_launch_templates();
        let request = match (said.launch_template_id(), said.launch_template_name()) {
            (Some(id), _) => request.launch_template_ids(id),
            (None, name) => request.launch_template_names(name.unwrap_or_default()),
        };
        let found = request
            .send()
            .await?
            .launch_templates
            .unwrap_or_default()
            .into_iter()
            .next();
        let found = found.ok_or_else(|| Error::Fatal("The group's launch template is gone".to_owned()))?;
        let version = match (number, said.version()) {
            (Some(number), _) => number.to_owned(),
            (None, Some("$Latest")) => found.latest_version_number.unwrap_or_default().to_string(),
            (None, _) => found.default_version_number.unwrap_or_default().to_string(),
        };
        Ok(Self {
            id: found.launch_template_id.unwrap_or_default(),
            version,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(id: &str, version: &str) -> LaunchTemplateSpecification {
        LaunchTemplateSpecification::builder()
            .launch_template_id(id)
            .version(version)
            .build()
    }

    #[test]
    fn instances_are_compared_with_what_they_would_be_launched_from_now() {
        let of_configuration = |name: Option<&str>| {
            let name = name.map(str::to_owned);
            Instance::builder().set_launch_configuration_name(name).build()
        };
        let configuration = Resolved::Configuration("new".to_owned());
        assert!(configuration.is_of(&of_configuration(Some("new"))));
        assert!(!configuration.is_of(&of_configuration(Some("old"))));
        assert!(!configuration.is_of(&of_configuration(None)));
        let version = |id: &str, version: &str| TemplateVersion {
            id: id.to_owned(),
            version: version.to_owned(),
        };
        let templates = Resolved::Templates(vec![version("lt-1", "2"), version("lt-2", "7")]);
        for (id, version, expected) in [
            ("lt-1", "2", true),
            ("lt-1", "1", false),
            ("lt-2", "7", true),
            ("lt-2", "2", false),
            ("lt-3", "2", false),
        ] {
            let instance = Instance::builder().launch_template(template(id, version)).build();
            assert_eq!(templates.is_of(&instance), expected, "{id} {version}");
        }
        assert!(!templates.is_of(&of_configuration(Some("new"))));
    }

    #[test]
    fn a_group_that_launches_from_nothing_is_told() {
        assert!(Launch::of(&AutoScalingGroup::builder().build()).is_err());
    }
}
