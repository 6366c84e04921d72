//! The `bgapp` template: an application that nobody calls.

use super::answers::Answers;
use super::application::{Application, Special};
use super::{checks, iam_role, questions, security_groups};
use crate::Error;
use crate::account::Account;

pub(super) const DESCRIPTION: &str = "Background app with single EC2 instance";

pub(super) const VARIABLES: [&str; 4] = ["application_id", "docker_image", "instance_type", "mint_bucket"];

pub(super) async fn prepare(answers: &Answers<'_>, account: &Account) -> Result<String, Error> {
    let application = ask(answers, account).await?;
    ensure(answers, account, &application).await?;
    Ok(definition(&application))
}

/// The questions about an application that nobody calls.
pub(super) async fn ask(answers: &Answers<'_>, account: &Account) -> Result<Application, Error> {
    let id = questions::application_id(answers, checks::application_id)?;
    let docker_image = questions::docker_image(answers)?;
    Ok(Application {
        id,
        instance_type: questions::instance_type(answers, "t2.micro", checks::instance_type)?,
        mint_bucket: questions::mint_bucket(answers, account, &docker_image).await?,
        docker_image,
    })
}

/// Makes sure that the group and the role of an application that nobody calls exist.
pub(super) async fn ensure(answers: &Answers<'_>, account: &Account, application: &Application) -> Result<(), Error> {
    security_groups::ensure_for_background_app(answers, account, &application.id).await?;
    iam_role::ensure(
        answers,
        account.session(),
        &application.id,
        application.mint_bucket.as_deref(),
    )
    .await
}

fn definition(application: &Application) -> String {
    application.head() + &application.server(Special::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instances_are_all_there_is() {
        let definition = definition(&Application {
            id: "hello-world".to_owned(),
            docker_image: "stups/hello-world".to_owned(),
            instance_type: "t2.micro".to_owned(),
            mint_bucket: None,
        });
        let definition = stups_yaml::load(&definition).unwrap().to_json();
        let components = definition["SenzaComponents"].as_array().unwrap();
        assert_eq!(components.len(), 2);
        assert_eq!(
            components[1]["AppServer"],
            serde_json::json!({
                "Type": "Senza::TaupageAutoScalingGroup",
                "InstanceType": "t2.micro",
                "SecurityGroups": ["app-hello-world"],
                "IamRoles": ["app-hello-world"],
                "AssociatePublicIpAddress": false,
                "TaupageConfig": {
                    "application_version": "{{Arguments.ImageVersion}}",
                    "runtime": "Docker",
                    "source": "stups/hello-world:{{Arguments.ImageVersion}}",
                },
            })
        );
    }
}
