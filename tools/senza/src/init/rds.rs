//! The `rds` template: a PostgreSQL that AWS operates, in a stack that others refer to.

use super::answers::Answers;
use super::application::head;
use super::scalar::scalar;
use super::{checks, security_groups};
use crate::Error;
use crate::account::Account;

pub(super) const DESCRIPTION: &str = "RDS: PostgreSQL that AWS operates, for other stacks to refer to";

pub(super) const VARIABLES: [&str; 6] = [
    "application_id",
    "database_name",
    "instance_type",
    "volume_size",
    "multi_az",
    "access_cidr",
];

struct Database {
    id: String,
    name: String,
    instance_type: String,
    volume_size: u32,
    is_replicated: bool,
    access_cidr: String,
}

pub(super) async fn prepare(answers: &Answers<'_>, account: &Account) -> Result<String, Error> {
    let id = answers.value(
        "application_id",
        "Application ID",
        Some("hello-world-db"),
        checks::application_id,
    )?;
    let name = answers.value("database_name", "Database name", Some("app"), checks::word)?;
    let instance_type = answers.value(
        "instance_type",
        "RDS instance type",
        Some("db.t4g.micro"),
        checks::database_instance_type,
    )?;
    let volume_size = answers.value(
        "volume_size",
        "Database volume size (GB, 20 or more)",
        Some("20"),
        |text| {
            checks::volume_size(text).and_then(|size| {
                if size < 20 {
                    Err("too small".to_owned())
                } else {
                    Ok(size)
                }
            })
        },
    )?;
    let is_replicated = answers.confirm("multi_az", "Do you want a standby in another availability zone?", false)?;
    let vpc_cidr = security_groups::vpc_cidr(answers, account).await?;
    let access_cidr = answers.value(
        "access_cidr",
        "Which network should be allowed to access the database? (default=vpc)",
        Some(&vpc_cidr),
        checks::address_range,
    )?;
    Ok(Database {
        id,
        name,
        instance_type,
        volume_size,
        is_replicated,
        access_cidr,
    }
    .definition())
}

impl Database {
    fn definition(&self) -> String {
        let Self {
            id,
            volume_size,
            is_replicated,
            access_cidr,
            ..
        } = self;
        let name = scalar(&self.name);
        let instance_type = scalar(&self.instance_type);
        let resources = format!(
            r#"
# plain Cloud Formation: the database, and who may reach it
Resources:
  Database:
    Type: AWS::RDS::DBInstance
    DeletionPolicy: Snapshot
    UpdateReplacePolicy: Snapshot
    Properties:
      Engine: postgres
      DBName: {name}
      DBInstanceClass: {instance_type}
      AllocatedStorage: "{volume_size}"
      StorageType: gp3
      StorageEncrypted: true
      MultiAZ: {is_replicated}
      MasterUsername: postgres
      ManageMasterUserPassword: true # RDS makes it and keeps it in the Secrets Manager
      BackupRetentionPeriod: 7
      CopyTagsToSnapshot: true
      PubliclyAccessible: false
      DBSubnetGroupName:
        Ref: DatabaseSubnets
      VPCSecurityGroups:
        - Fn::GetAtt: [DatabaseSecurityGroup, GroupId]
  DatabaseSubnets:
    Type: AWS::RDS::DBSubnetGroup
    Properties:
      DBSubnetGroupDescription: "Subnets of {id}"
      SubnetIds:
        Fn::FindInMap: [ServerSubnets, {{Ref: "AWS::Region"}}, Subnets]
  DatabaseSecurityGroup:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: "Who may connect to {id}"
      VpcId: "{{{{AccountInfo.VpcID}}}}"
      SecurityGroupIngress:
        - IpProtocol: tcp
          FromPort: 5432
          ToPort: 5432
          CidrIp: {access_cidr}

# what other definitions refer to: {{Stack: {id}-<version>, Output: DatabaseHost}}
Outputs:
  DatabaseHost:
    Value:
      Fn::GetAtt: [Database, Endpoint.Address]
  DatabasePort:
    Value:
      Fn::GetAtt: [Database, Endpoint.Port]
  DatabaseSecret:
    Description: "ARN of the secret with the user's name and password"
    Value:
      Fn::GetAtt: [Database, MasterUserSecret.SecretArn]
"#
        );
        head(id, "") + &resources
    }
}
