//! What the definitions of applications on Taupage have in common.

use super::scalar::scalar;

/// An application that runs as a Docker image on Taupage.
#[derive(Debug)]
pub(super) struct Application {
    pub(super) id: String,
    /// without tag
    pub(super) docker_image: String,
    pub(super) instance_type: String,
    pub(super) mint_bucket: Option<String>,
}

/// What is special about an application's instances: lines of the definition, each with its line feed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Special<'a> {
    /// of the list of roles, instead of the application's own role
    pub(super) role: Option<&'a str>,
    /// further properties
    pub(super) properties: &'a str,
    /// further keys of `TaupageConfig`
    pub(super) configuration: &'a str,
}

impl Application {
    /// The definition's beginning, up to the first component: what it is called, its one parameter, the account.
    pub(super) fn head(&self) -> String {
        let id = &self.id;
        let parameters =
            format!("  Parameters:\n    - ImageVersion:\n        Description: \"Docker image version of {id}.\"\n");
        head(id, &parameters)
    }

    /// The instances.
    pub(super) fn server(&self, special: Special<'_>) -> String {
        let id = &self.id;
        let image = &self.docker_image;
        let instance_type = scalar(&self.instance_type);
        let own_role = format!("        - app-{id}\n");
        let role = special.role.unwrap_or(&own_role);
        let Special {
            properties,
            configuration,
            ..
        } = special;
        let mint_bucket = match &self.mint_bucket {
            Some(bucket) => format!("        mint_bucket: \"{bucket}\"\n"),
            None => String::new(),
        };
        format!(
            r#"
  # the instances: a group that grows and shrinks, each running the Docker image on Taupage
  - AppServer:
      Type: Senza::TaupageAutoScalingGroup
      InstanceType: {instance_type}
      SecurityGroups:
        - app-{id}
      IamRoles:
{role}{properties}      AssociatePublicIpAddress: false # true for a standalone deployment in the default VPC
      TaupageConfig:
        application_version: "{{{{Arguments.ImageVersion}}}}"
        runtime: Docker
        source: "{image}:{{{{Arguments.ImageVersion}}}}"
{configuration}{mint_bucket}"#
        )
    }
}

/// The beginning of the definition of `stack_name`. `info` are further lines of `SenzaInfo`.
pub(super) fn head(stack_name: &str, info: &str) -> String {
    let stack_name = scalar(stack_name);
    format!(
        r"# what this definition is called, and what it has to be told on the command line
SenzaInfo:
  StackName: {stack_name}
{info}
# the parts of the stack; each Senza component becomes several Cloud Formation resources
SenzaComponents:

  # network and images of the AWS account, which the other components build on
  - Configuration:
      Type: Senza::StupsAutoConfiguration # looks up subnets and Taupage AMI
"
    )
}
