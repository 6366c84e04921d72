//! Chooses what an account has.

use std::sync::Arc;

use stups_aws::ec2::types::{Filter, ResourceType, Subnet, Tag, TagSpecification};
use stups_aws::{Error, Session};

use crate::aws_api::Connection;
use crate::{Account, AwsApi};

/// In how many zones an account has subnets.
const ZONES: usize = 3;

/// Chooses what an account has. Each method adds; [`AccountBuilder::build`] makes it.
#[derive(Clone, Debug)]
pub struct AccountBuilder {
    endpoint: String,
    connection: Arc<Connection>,
    region: String,
    network: Network,
    hosted_zones: Vec<String>,
    certificates: Vec<String>,
    iam_certificates: Vec<String>,
    security_groups: Vec<String>,
    roles: Vec<String>,
    topics: Vec<String>,
    buckets: Vec<String>,
    images: Vec<String>,
    alias: Option<String>,
}

#[derive(Clone, Copy, Debug)]
enum Network {
    /// public subnets only, as AWS makes it
    Default,
    /// the layout that the account configuration of STUPS makes
    Stups,
    None,
}

impl AccountBuilder {
    pub(crate) fn new(api: &AwsApi) -> Self {
        Self {
            endpoint: api.endpoint(),
            connection: api.connection(),
            region: "us-east-1".to_owned(),
            network: Network::Default,
            hosted_zones: Vec::new(),
            certificates: Vec::new(),
            iam_certificates: Vec::new(),
            security_groups: Vec::new(),
            roles: Vec::new(),
            topics: Vec::new(),
            buckets: Vec::new(),
            images: Vec::new(),
            alias: None,
        }
    }

    /// The region of everything that has one, and of the account's session. Default: us-east-1.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    /// No VPC at all.
    #[must_use]
    pub fn without_default_vpc(mut self) -> Self {
        self.network = Network::None;
        self
    }

    /// Instead of the default VPC one of 172.31.0.0/16 that is named like the region, with subnets `dmz-<zone>` (public, each
    /// with a NAT gateway) and `internal-<zone>` in three zones.
    #[must_use]
    pub fn stups_network(mut self) -> Self {
        self.network = Network::Stups;
        self
    }

    /// A public hosted zone: `zo.ne.dev`.
    #[must_use]
    pub fn hosted_zone(mut self, name: &str) -> Self {
        self.hosted_zones.push(name.to_owned());
        self
    }

    /// An issued ACM certificate: `*.zo.ne.dev`.
    #[must_use]
    pub fn certificate(mut self, domain: &str) -> Self {
        self.certificates.push(domain.to_owned());
        self
    }

    /// A server certificate in IAM. moto says of each that it has expired.
    #[must_use]
    pub fn iam_certificate(mut self, name: &str) -> Self {
        self.iam_certificates.push(name.to_owned());
        self
    }

    /// A security group in the account's VPC, with the tag Name of the same value.
    #[must_use]
    pub fn security_group(mut self, name: &str) -> Self {
        self.security_groups.push(name.to_owned());
        self
    }

    /// An IAM role for EC2 instances, and an instance profile with it of the same name.
    #[must_use]
    pub fn role(mut self, name: &str) -> Self {
        self.roles.push(name.to_owned());
        self
    }

    /// An SNS topic.
    #[must_use]
    pub fn sns_topic(mut self, name: &str) -> Self {
        self.topics.push(name.to_owned());
        self
    }

    /// An S3 bucket. Names are unique in an [`AwsApi`], not in an account.
    #[must_use]
    pub fn bucket(mut self, name: &str) -> Self {
        self.buckets.push(name.to_owned());
        self
    }

    /// A private, EBS-backed machine image of the account itself.
    #[must_use]
    pub fn image(mut self, name: &str) -> Self {
        self.images.push(name.to_owned());
        self
    }

    /// The account's alias in IAM.
    #[must_use]
    pub fn alias(mut self, alias: &str) -> Self {
        self.alias = Some(alias.to_owned());
        self
    }

    /// Makes the account. Panics, saying which call failed, when that is not possible.
    pub async fn build(self) -> Account {
        match self.try_build().await {
            Ok(account) => account,
            Err(error) => panic!("The account cannot be made: {error}"),
        }
    }

    async fn try_build(self) -> Result<Account, Error> {
        let account = Account::open(self.endpoint.clone(), Arc::clone(&self.connection), &self.region).await?;
        let session = account.session();
        let vpc = match self.network {
            Network::Default => {
                let vpc = default_vpc(&session).await?;
                keep_zones(&session).await?;
                Some(vpc)
            }
            Network::Stups => {
                delete_default_vpc(&session).await?;
                Some(stups_vpc(&session).await?)
            }
            Network::None => {
                delete_default_vpc(&session).await?;
                None
            }
        };
        for name in &self.security_groups {
            security_group(&session, name, vpc.as_deref()).await?;
        }
        for (number, name) in self.hosted_zones.iter().enumerate() {
            let reference = format!("{}-{number}", account.id());
            session
                .route53()
                .create_hosted_zone()
                .name(name)
                .caller_reference(reference)
                .send()
                .await?;
        }
        for domain in &self.certificates {
            session.acm().request_certificate().domain_name(domain).send().await?;
        }
        for name in &self.iam_certificates {
            iam_certificate(&session, name).await?;
        }
        for name in &self.roles {
            role(&session, name).await?;
        }
        for name in &self.topics {
            session.sns().create_topic().name(name).send().await?;
        }
        for name in &self.buckets {
            bucket(&session, name).await?;
        }
        for name in &self.images {
            let image = session.ec2().register_image().name(name).root_device_name("/dev/sda1");
            image
                .architecture("x86_64".into())
                .virtualization_type("hvm")
                .send()
                .await?;
        }
        if let Some(alias) = &self.alias {
            session.iam().create_account_alias().account_alias(alias).send().await?;
        }
        Ok(account)
    }
}

async fn default_vpc(session: &Session) -> Result<String, Error> {
    let filter = Filter::builder().name("isDefault").values("true").build();
    let answer = session.ec2().describe_vpcs().filters(filter).send().await?;
    Ok(only(answer.vpcs().iter().filter_map(|vpc| vpc.vpc_id()), "a default VPC").to_owned())
}

/// Deletes the default VPC's subnets beyond the first three zones: us-east-1 has six.
async fn keep_zones(session: &Session) -> Result<(), Error> {
    for subnet in subnets(session).await?.iter().skip(ZONES) {
        session.ec2().delete_subnet().subnet_id(id(subnet)).send().await?;
    }
    Ok(())
}

async fn delete_default_vpc(session: &Session) -> Result<(), Error> {
    let vpc = default_vpc(session).await?;
    for subnet in subnets(session).await? {
        session.ec2().delete_subnet().subnet_id(id(&subnet)).send().await?;
    }
    session.ec2().delete_vpc().vpc_id(vpc).send().await?;
    Ok(())
}

/// The region's subnets in the order of their zones.
async fn subnets(session: &Session) -> Result<Vec<Subnet>, Error> {
    let answer = session.ec2().describe_subnets().send().await?;
    let mut subnets = answer.subnets.unwrap_or_default();
    subnets.sort_by(|left, right| left.availability_zone.cmp(&right.availability_zone));
    Ok(subnets)
}

/// The address ranges are those that Seven Seconds computes for 172.31.0.0/16.
async fn stups_vpc(session: &Session) -> Result<String, Error> {
    let ec2 = session.ec2();
    let vpc = ec2
        .create_vpc()
        .cidr_block("172.31.0.0/16")
        .tag_specifications(named(ResourceType::Vpc, session.region()))
        .send()
        .await?;
    let vpc = only(vpc.vpc().and_then(|vpc| vpc.vpc_id()), "a new VPC").to_owned();
    let gateway = ec2.create_internet_gateway().send().await?;
    let gateway = only(
        gateway.internet_gateway().and_then(|it| it.internet_gateway_id()),
        "a new gateway",
    )
    .to_owned();
    ec2.attach_internet_gateway()
        .vpc_id(&vpc)
        .internet_gateway_id(&gateway)
        .send()
        .await?;

    let zones = ec2.describe_availability_zones().send().await?;
    let mut zones: Vec<&str> = zones
        .availability_zones()
        .iter()
        .filter_map(|zone| zone.zone_name())
        .collect();
    zones.sort_unstable();
    for (index, zone) in zones.into_iter().take(ZONES).enumerate() {
        let dmz = subnet(session, &vpc, zone, "dmz", &format!("172.31.{}.0/21", index * 8)).await?;
        subnet(
            session,
            &vpc,
            zone,
            "internal",
            &format!("172.31.{}.0/20", 128 + index * 16),
        )
        .await?;
        let address = ec2.allocate_address().domain("vpc".into()).send().await?;
        ec2.create_nat_gateway()
            .subnet_id(dmz)
            .set_allocation_id(address.allocation_id)
            .send()
            .await?;
    }
    Ok(vpc)
}

async fn subnet(session: &Session, vpc: &str, zone: &str, kind: &str, range: &str) -> Result<String, Error> {
    let subnet = session
        .ec2()
        .create_subnet()
        .vpc_id(vpc)
        .availability_zone(zone)
        .cidr_block(range)
        .tag_specifications(named(ResourceType::Subnet, &format!("{kind}-{zone}")))
        .send()
        .await?;
    Ok(only(subnet.subnet().and_then(|subnet| subnet.subnet_id()), "a new subnet").to_owned())
}

async fn security_group(session: &Session, name: &str, vpc: Option<&str>) -> Result<(), Error> {
    session
        .ec2()
        .create_security_group()
        .group_name(name)
        .description(name)
        .set_vpc_id(vpc.map(str::to_owned))
        .tag_specifications(named(ResourceType::SecurityGroup, name))
        .send()
        .await?;
    Ok(())
}

async fn iam_certificate(session: &Session, name: &str) -> Result<(), Error> {
    // moto reads neither.
    let (certificate, key) = ("-----BEGIN CERTIFICATE-----", "not read");
    session
        .iam()
        .upload_server_certificate()
        .server_certificate_name(name)
        .certificate_body(certificate)
        .private_key(key)
        .send()
        .await?;
    Ok(())
}

async fn role(session: &Session, name: &str) -> Result<(), Error> {
    let iam = session.iam();
    let trust = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    });
    iam.create_role()
        .role_name(name)
        .assume_role_policy_document(trust.to_string())
        .send()
        .await?;
    iam.create_instance_profile().instance_profile_name(name).send().await?;
    iam.add_role_to_instance_profile()
        .instance_profile_name(name)
        .role_name(name)
        .send()
        .await?;
    Ok(())
}

async fn bucket(session: &Session, name: &str) -> Result<(), Error> {
    use stups_aws::s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
    // us-east-1 is the one region that must not be named.
    let place = (session.region() != "us-east-1").then(|| {
        let region = BucketLocationConstraint::from(session.region());
        CreateBucketConfiguration::builder().location_constraint(region).build()
    });
    session
        .s3()
        .create_bucket()
        .bucket(name)
        .set_create_bucket_configuration(place)
        .send()
        .await?;
    Ok(())
}

fn named(resource: ResourceType, name: &str) -> TagSpecification {
    let tag = Tag::builder().key("Name").value(name).build();
    TagSpecification::builder().resource_type(resource).tags(tag).build()
}

fn id(subnet: &Subnet) -> &str {
    subnet.subnet_id().unwrap_or_default()
}

fn only<T>(values: impl IntoIterator<Item = T>, what: &str) -> T {
    values
        .into_iter()
        .next()
        .unwrap_or_else(|| panic!("The AWS API did not answer with {what}"))
}
