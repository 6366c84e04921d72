//! The `webapp` template: an application that answers HTTP requests behind a load balancer with weighted domains.

use super::answers::Answers;
use super::scalar::scalar;
use super::{iam_role, security_groups};
use crate::Error;
use crate::account::Account;

pub(super) const DESCRIPTION: &str = "HTTP app with auto scaling, ELB and DNS";

pub(super) const VARIABLES: [&str; 7] = [
    "application_id",
    "docker_image",
    "http_port",
    "http_health_check_path",
    "instance_type",
    "mint_bucket",
    "loadbalancer_scheme",
];

/// What is known about the application.
#[derive(Debug)]
struct WebApp {
    application_id: String,
    docker_image: String,
    http_port: u16,
    health_check_path: String,
    instance_type: String,
    mint_bucket: Option<String>,
    scheme: &'static str,
}

pub(super) async fn prepare(answers: &Answers<'_>, account: &Account) -> Result<String, Error> {
    let app = WebApp::ask(answers, account).await?;
    let (session, terminal) = (account.session(), answers.terminal());
    let vpc_id = account.info("VpcID").await?;
    let vpc_id = vpc_id.as_ref().and_then(|id| id.as_str()).unwrap_or_default();
    security_groups::ensure_for_web_app(session, terminal, vpc_id, &app.application_id, app.http_port).await?;
    iam_role::ensure(session, terminal, &app.application_id, app.mint_bucket.as_deref()).await?;
    Ok(app.definition())
}

impl WebApp {
    async fn ask(answers: &Answers<'_>, account: &Account) -> Result<Self, Error> {
        let application_id = answers.value("application_id", "Application ID", Some("hello-world"), application_id)?;
        let docker_image = answers.value(
            "docker_image",
            "Docker image without tag/version (e.g. \"pierone.example.org/myteam/myapp\")",
            Some("stups/hello-world"),
            docker_image,
        )?;
        let http_port = answers.value("http_port", "HTTP port", Some("8080"), port)?;
        let health_check_path =
            answers.value("http_health_check_path", "HTTP health check path", Some("/"), url_path)?;
        let instance_type = answers.value("instance_type", "EC2 instance type", Some("t2.micro"), instance_type)?;
        Ok(Self {
            mint_bucket: ask_mint_bucket(answers, account, &docker_image).await?,
            scheme: answers.choice(
                "loadbalancer_scheme",
                "Please select the load balancer scheme",
                &[
                    ("internal", "internal: only accessible from the own VPC"),
                    (
                        "internet-facing",
                        "internet-facing: accessible from the public internet",
                    ),
                ],
                "internal",
            )?,
            application_id,
            docker_image,
            http_port,
            health_check_path,
            instance_type,
        })
    }

    fn definition(&self) -> String {
        let id = &self.application_id;
        let image = &self.docker_image;
        let port = self.http_port;
        let path = scalar(&self.health_check_path);
        let instance_type = scalar(&self.instance_type);
        let scheme = self.scheme;
        let stack_name = scalar(id);
        let mint_bucket = match &self.mint_bucket {
            Some(bucket) => format!("        mint_bucket: \"{bucket}\"\n"),
            None => String::new(),
        };
        format!(
            r#"# what this definition is called, and what it has to be told on the command line
SenzaInfo:
  StackName: {stack_name}
  Parameters:
    - ImageVersion:
        Description: "Docker image version of {id}."

# the parts of the stack; each Senza component becomes several Cloud Formation resources
SenzaComponents:

  # network and images of the AWS account, which the other components build on
  - Configuration:
      Type: Senza::StupsAutoConfiguration # looks up subnets and Taupage AMI

  # the instances: a group that grows and shrinks, each running the Docker image on Taupage
  - AppServer:
      Type: Senza::TaupageAutoScalingGroup
      InstanceType: {instance_type}
      SecurityGroups:
        - app-{id}
      IamRoles:
        - app-{id}
      ElasticLoadBalancer: AppLoadBalancer
      AssociatePublicIpAddress: false # true for a standalone deployment in the default VPC
      TaupageConfig:
        application_version: "{{{{Arguments.ImageVersion}}}}"
        runtime: Docker
        source: "{image}:{{{{Arguments.ImageVersion}}}}"
        health_check_path: {path}
        ports:
          {port}: {port}
{mint_bucket}
  # the way in: a load balancer, with a domain for this version and a weighted one for all
  - AppLoadBalancer:
      Type: Senza::WeightedDnsElasticLoadBalancer
      HTTPPort: {port}
      HealthCheckPath: {path}
      SecurityGroups:
        - app-{id}-lb
      Scheme: {scheme}
"#
        )
    }
}

/// The bucket with the application's credentials: asked for when the image comes from Pier One, or when a person wants one.
async fn ask_mint_bucket(
    answers: &Answers<'_>,
    account: &Account,
    docker_image: &str,
) -> Result<Option<String>, Error> {
    const VARIABLE: &str = "mint_bucket";
    let wanted = answers.has(VARIABLE)
        || docker_image.contains("pierone")
        || answers
            .terminal()
            .confirm("Did you need OAuth-Credentials from Mint?", false)?;
    if !wanted {
        return Ok(None);
    }
    let default = if answers.has(VARIABLE) {
        None
    } else {
        account.info("MintBucket").await?
    };
    let default = default.as_ref().and_then(|name| name.as_str());
    Ok(Some(answers.value(
        VARIABLE,
        "Mint S3 bucket name",
        default,
        bucket_name,
    )?))
}

fn application_id(text: &str) -> Result<String, String> {
    if text.chars().count() > 60 {
        return Err(format!("Value is too long! {} > 60 chars", text.chars().count()));
    }
    let follows_rule = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    follows_rule
        .then(|| text.to_owned())
        .ok_or_else(|| "did not match regex ^[a-zA-Z][-a-zA-Z0-9]*$.".to_owned())
}

fn docker_image(text: &str) -> Result<String, String> {
    let is_reference = text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text.len() <= 255
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/:".contains(c));
    if !is_reference {
        return Err("not the name of a Docker image, such as registry.example.org/team/app".to_owned());
    }
    if text.rsplit('/').next().is_some_and(|last| last.contains(':')) {
        return Err("give the image without tag; the version is a parameter of the definition".to_owned());
    }
    Ok(text.to_owned())
}

fn port(text: &str) -> Result<u16, String> {
    text.parse()
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| format!("\"{text}\" is not a port (1 to 65535)"))
}

fn url_path(text: &str) -> Result<String, String> {
    let is_path = text.starts_with('/') && text.len() <= 1024 && text.chars().all(|c| c.is_ascii_graphic());
    if !is_path {
        return Err("not a path, which starts with / and has no blanks".to_owned());
    }
    if text.contains("{{") {
        return Err("{{ would be taken for a variable of the definition".to_owned());
    }
    Ok(text.to_owned())
}

fn instance_type(text: &str) -> Result<String, String> {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    match text.split_once('.') {
        Some((family, size)) if is_word(family) && is_word(size) => Ok(text.to_owned()),
        _ => Err(format!("\"{text}\" is not an instance type, such as t3.small")),
    }
}

fn bucket_name(text: &str) -> Result<String, String> {
    let is_edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_name = (3..=63).contains(&text.len())
        && text.starts_with(is_edge)
        && text.ends_with(is_edge)
        && text.chars().all(|c| is_edge(c) || c == '.' || c == '-');
    is_name
        .then(|| text.to_owned())
        .ok_or_else(|| format!("\"{text}\" is not the name of an S3 bucket"))
}

#[cfg(test)]
mod tests {
    use stups_yaml::Value;

    use super::*;

    fn app(mint_bucket: Option<&str>) -> WebApp {
        WebApp {
            application_id: "hello-world".to_owned(),
            docker_image: "stups/hello-world".to_owned(),
            http_port: 8080,
            health_check_path: "/".to_owned(),
            instance_type: "t2.micro".to_owned(),
            mint_bucket: mint_bucket.map(str::to_owned),
            scheme: "internal",
        }
    }

    #[test]
    fn the_definition_as_it_is_written() {
        insta::assert_snapshot!(app(Some("mint-example-bucket")).definition());
    }

    #[test]
    fn without_a_bucket_the_line_is_not_there() {
        let with = app(Some("mint-example-bucket")).definition();
        let without = app(None).definition();
        assert_eq!(
            with.replace("        mint_bucket: \"mint-example-bucket\"\n", ""),
            without
        );
    }

    #[test]
    fn answers_are_read_back_as_they_were_given() {
        let app = WebApp {
            application_id: "on".to_owned(),
            health_check_path: "/a:b#'c'".to_owned(),
            scheme: "internet-facing",
            ..app(None)
        };
        let definition = stups_yaml::load(&app.definition()).unwrap();
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        assert_eq!(
            text(definition.get("SenzaInfo").and_then(|info| info.get("StackName"))).unwrap(),
            "on"
        );
        let components = definition.get("SenzaComponents").and_then(Value::as_list).unwrap();
        let lb = components[2].get("AppLoadBalancer").unwrap();
        assert_eq!(text(lb.get("HealthCheckPath")).unwrap(), "/a:b#'c'");
        assert_eq!(text(lb.get("Scheme")).unwrap(), "internet-facing");
        assert_eq!(lb.get("HTTPPort"), Some(&Value::Int(8080)));
        let server = components[1].get("AppServer").unwrap();
        assert_eq!(server.get("AssociatePublicIpAddress"), Some(&Value::Bool(false)));
        let taupage = server.get("TaupageConfig").unwrap();
        assert_eq!(
            text(taupage.get("source")).unwrap(),
            "stups/hello-world:{{Arguments.ImageVersion}}"
        );
        assert_eq!(text(taupage.get("health_check_path")).unwrap(), "/a:b#'c'");
    }

    #[test]
    fn each_answer_is_checked() {
        let long = "a".repeat(61);
        for (text, good) in [
            ("hello-world", true),
            ("a", true),
            (&long[..60], true),
            (&long, false),
            ("1a", false),
            ("a_b", false),
            ("", false),
            ("a\n", false),
        ] {
            assert_eq!(application_id(text).is_ok(), good, "{text}");
        }
        for (text, good) in [
            ("stups/hello-world", true),
            ("localhost:5000/team/app", true),
            ("app:1.0", false),
            ("a b", false),
            ("x\"", false),
            ("", false),
            ("a{{b}}", false),
        ] {
            assert_eq!(docker_image(text).is_ok(), good, "{text}");
        }
        for (text, good) in [
            ("8080", true),
            ("1", true),
            ("65535", true),
            ("0", false),
            ("65536", false),
            ("http", false),
            ("-1", false),
        ] {
            assert_eq!(port(text).is_ok(), good, "{text}");
        }
        for (text, good) in [
            ("/", true),
            ("/health?x=1", true),
            ("health", false),
            ("/a b", false),
            ("/{{x}}", false),
            ("", false),
        ] {
            assert_eq!(url_path(text).is_ok(), good, "{text}");
        }
        for (text, good) in [
            ("t2.micro", true),
            ("u-6tb1.56xlarge", true),
            ("t2", false),
            ("T2.micro", false),
            (".micro", false),
        ] {
            assert_eq!(instance_type(text).is_ok(), good, "{text}");
        }
        for (text, good) in [
            ("mint-example-bucket", true),
            ("ab", false),
            ("-abc", false),
            ("Abc", false),
            ("a\"bc", false),
        ] {
            assert_eq!(bucket_name(text).is_ok(), good, "{text}");
        }
    }
}
