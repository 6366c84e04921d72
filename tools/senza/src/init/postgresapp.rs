//! The `postgresapp` template: PostgreSQL on three instances of its own that replicate and elect their master (Spilo), with its
//! write-ahead log in S3.

mod access;
mod definition;
mod encryption;
mod storage;

use std::fmt;

use rand::seq::IndexedRandom;

use super::answers::Answers;
use super::{bucket, checks, iam_role, questions, security_groups};
use crate::Error;
use crate::account::Account;
use encryption::Key;
use storage::Storage;

pub(super) const DESCRIPTION: &str = "HA Postgres app, which needs an S3 bucket to store WAL files";

pub(super) const VARIABLES: [&str; 19] = [
    "docker_image",
    "wal_s3_bucket",
    "instance_type",
    "discovery_domain",
    "add_replica_loadbalancer",
    "elb_access_cidr",
    "odd_sg_id",
    "zmon_sg_id",
    "use_ebs",
    "volume_size",
    "volume_type",
    "volume_iops",
    "snapshot_id",
    "fstype",
    "fsoptions",
    "pgpassword_superuser",
    "pgpassword_standby",
    "pgpassword_admin",
    "kms_arn",
];

/// How long passwords are that nobody chose.
const PASSWORD_LENGTH: usize = 64;

/// What is known about the database.
#[derive(Debug)]
struct PostgresApp {
    /// with its tag; without one it is a parameter of the definition
    docker_image: Option<String>,
    wal_bucket: String,
    instance_type: String,
    /// without trailing dot
    domain: String,
    discovery_domain: String,
    has_replica_balancer: bool,
    /// who may connect through the load balancers
    access_cidr: String,
    bastion_group: Option<String>,
    monitoring_group: Option<String>,
    storage: Storage,
    file_system: String,
    mount_options: String,
    passwords: Passwords,
    /// the key that the passwords are encrypted with
    key_arn: Option<String>,
    /// of ARNs: `aws`
    partition: &'static str,
}

/// The database users' passwords, in plain text or as `aws:kms:...`.
struct Passwords {
    superuser: String,
    standby: String,
    admin: String,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Passwords(***)")
    }
}

pub(super) async fn prepare(answers: &Answers<'_>, account: &Account) -> Result<String, Error> {
    let app = PostgresApp::ask(answers, account).await?;
    bucket::ensure(account.session(), answers.terminal(), &app.wal_bucket).await?;
    Ok(app.definition())
}

impl PostgresApp {
    async fn ask(answers: &Answers<'_>, account: &Account) -> Result<Self, Error> {
        let region = account.session().region();
        let docker_image = ask_docker_image(answers)?;
        let default_bucket = if answers.has("wal_s3_bucket") {
            None
        } else {
            Some(format!("{}-{region}-spilo-app", account.alias().await?))
        };
        let wal_bucket = answers.value(
            "wal_s3_bucket",
            "Postgres WAL S3 bucket to use",
            default_bucket.as_deref(),
            checks::bucket_name,
        )?;
        let instance_type = questions::instance_type(answers, "t3.medium", checks::instance_type)?;
        let domain = account.domain().await?;
        let discovery_domain = answers.value(
            "discovery_domain",
            "ETCD Discovery Domain",
            Some(&format!("postgres.{domain}")),
            checks::host_name,
        )?;
        let has_replica_balancer = answers.confirm("add_replica_loadbalancer", "Do you want a replica ELB?", false)?;
        let vpc_cidr = security_groups::vpc_cidr(answers, account).await?;
        let access_cidr = answers.value(
            "elb_access_cidr",
            "Which network should be allowed to access the ELBs? (default=vpc)",
            Some(&vpc_cidr),
            checks::address_range,
        )?;
        let bastion_group = access::bastion_group(answers, account).await?;
        let monitoring_group = access::monitoring_group(answers, account.session()).await?;
        let storage = Storage::ask(answers, &instance_type)?;
        let file_system = answers.value(
            "fstype",
            "Filesystem for the data partition",
            Some("ext4"),
            checks::word,
        )?;
        let mount_options = answers.value(
            "fsoptions",
            "Filesystem mount options (comma-separated)",
            Some("noatime,nodiratime,nobarrier"),
            checks::mount_options,
        )?;
        let passwords = Passwords::ask(answers)?;
        let key = Key::ask(answers, account.session()).await?;
        let passwords = match &key {
            Some(key) => passwords.encrypted(key, account.session()).await?,
            None => passwords,
        };
        Ok(Self {
            docker_image,
            wal_bucket,
            instance_type,
            domain,
            discovery_domain,
            has_replica_balancer,
            access_cidr,
            bastion_group,
            monitoring_group,
            storage,
            file_system,
            mount_options,
            passwords,
            key_arn: key.map(|key| key.arn),
            partition: iam_role::partition(region),
        })
    }
}

fn ask_docker_image(answers: &Answers<'_>) -> Result<Option<String>, Error> {
    const VARIABLE: &str = "docker_image";
    if !answers.has(VARIABLE) && !answers.agree("Do you want to set the docker image now?", false)? {
        return Ok(None);
    }
    answers.value(
        VARIABLE,
        "Docker image of Spilo with its tag (none: a parameter of the definition)",
        Some(""),
        checks::tagged_docker_image,
    )
}

impl Passwords {
    fn ask(answers: &Answers<'_>) -> Result<Self, Error> {
        let ask = |user: &str| {
            answers.secret(
                &format!("pgpassword_{user}"),
                &format!("Password for PostgreSQL user {user}"),
                random_password,
                checks::password,
            )
        };
        Ok(Self {
            superuser: ask("superuser")?,
            standby: ask("standby")?,
            admin: ask("admin")?,
        })
    }

    async fn encrypted(&self, key: &Key, session: &stups_aws::Session) -> Result<Self, Error> {
        let (superuser, standby, admin) = futures::try_join!(
            key.encrypt(session, &self.superuser),
            key.encrypt(session, &self.standby),
            key.encrypt(session, &self.admin),
        )?;
        Ok(Self {
            superuser,
            standby,
            admin,
        })
    }
}

/// Capital letters and digits, as many as nobody guesses.
fn random_password() -> String {
    const CHARACTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let mut random = rand::rng();
    (0..PASSWORD_LENGTH)
        .filter_map(|_| CHARACTERS.choose(&mut random))
        .map(|character| char::from(*character))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_long_and_differ() {
        let (one, other) = (random_password(), random_password());
        assert_ne!(one, other);
        for password in [one, other] {
            assert_eq!(password.len(), PASSWORD_LENGTH);
            assert!(password.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()));
        }
    }
}
