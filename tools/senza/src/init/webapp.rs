//! The `webapp` template: an application that answers HTTP requests behind a load balancer with weighted domains.

use super::answers::Answers;
use super::application::{Application, Special};
use super::scalar::scalar;
use super::{checks, iam_role, questions, security_groups};
use crate::Error;
use crate::account::Account;

pub(super) const DESCRIPTION: &str = "HTTP app with auto scaling, ELB and DNS";

pub(super) const VARIABLES: [&str; 8] = [
    "application_id",
    "docker_image",
    "http_port",
    "http_health_check_path",
    "instance_type",
    "mint_bucket",
    "loadbalancer_scheme",
    "loadbalancer_type",
];

/// What is known about the application.
#[derive(Debug)]
struct WebApp {
    application: Application,
    http_port: u16,
    health_check_path: String,
    scheme: &'static str,
    /// of the second generation
    is_application_balancer: bool,
}

pub(super) async fn prepare(answers: &Answers<'_>, account: &Account) -> Result<String, Error> {
    let app = WebApp::ask(answers, account).await?;
    let Application { id, mint_bucket, .. } = &app.application;
    security_groups::ensure_for_web_app(answers, account, id, app.http_port).await?;
    iam_role::ensure(answers, account.session(), id, mint_bucket.as_deref()).await?;
    Ok(app.definition())
}

impl WebApp {
    async fn ask(answers: &Answers<'_>, account: &Account) -> Result<Self, Error> {
        let id = questions::application_id(answers, checks::application_id)?;
        let docker_image = questions::docker_image(answers)?;
        let http_port = answers.value("http_port", "HTTP port", Some("8080"), checks::port)?;
        let health_check_path = answers.value(
            "http_health_check_path",
            "HTTP health check path",
            Some("/"),
            checks::url_path,
        )?;
        Ok(Self {
            application: Application {
                id,
                instance_type: questions::instance_type(answers, "t2.micro", checks::instance_type)?,
                mint_bucket: questions::mint_bucket(answers, account, &docker_image).await?,
                docker_image,
            },
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
            is_application_balancer: is_application_balancer(answers)?,
            http_port,
            health_check_path,
        })
    }

    fn definition(&self) -> String {
        let id = &self.application.id;
        let port = self.http_port;
        let path = scalar(&self.health_check_path);
        let scheme = self.scheme;
        let generation = if self.is_application_balancer { "V2" } else { "" };
        let server = Special {
            properties: &format!("      ElasticLoadBalancer{generation}: AppLoadBalancer\n"),
            configuration: &format!("        health_check_path: {path}\n        ports:\n          {port}: {port}\n"),
            ..Special::default()
        };
        let load_balancer = format!(
            r"
  # the way in: a load balancer, with a domain for this version and a weighted one for all
  - AppLoadBalancer:
      Type: Senza::WeightedDnsElasticLoadBalancer{generation}
      HTTPPort: {port}
      HealthCheckPath: {path}
      SecurityGroups:
        - app-{id}-lb
      Scheme: {scheme}
"
        );
        [self.application.head(), self.application.server(server), load_balancer].concat()
    }
}

/// Nobody is asked: the kind that the original makes is what scripts expect.
fn is_application_balancer(answers: &Answers<'_>) -> Result<bool, Error> {
    const VARIABLE: &str = "loadbalancer_type";
    if !answers.has(VARIABLE) {
        return Ok(false);
    }
    answers.value(VARIABLE, "", None, |text| match text {
        "classic" => Ok(false),
        "application" => Ok(true),
        _ => Err(format!("\"{text}\" is not one of classic, application")),
    })
}

#[cfg(test)]
mod tests {
    use stups_yaml::Value;

    use super::*;

    fn app(id: &str, mint_bucket: Option<&str>) -> WebApp {
        WebApp {
            application: Application {
                id: id.to_owned(),
                docker_image: "stups/hello-world".to_owned(),
                instance_type: "t2.micro".to_owned(),
                mint_bucket: mint_bucket.map(str::to_owned),
            },
            http_port: 8080,
            health_check_path: "/".to_owned(),
            scheme: "internal",
            is_application_balancer: false,
        }
    }

    #[test]
    fn the_definition_as_it_is_written() {
        insta::assert_snapshot!(app("hello-world", Some("mint-example-bucket")).definition());
    }

    #[test]
    fn without_a_bucket_the_line_is_not_there() {
        let with = app("hello-world", Some("mint-example-bucket")).definition();
        let without = app("hello-world", None).definition();
        assert_eq!(
            with.replace("        mint_bucket: \"mint-example-bucket\"\n", ""),
            without
        );
    }

    #[test]
    fn answers_are_read_back_as_they_were_given() {
        let app = WebApp {
            health_check_path: "/a:b#'c'".to_owned(),
            scheme: "internet-facing",
            ..app("on", None)
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
}
