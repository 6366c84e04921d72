//! The text of the definition.

use super::super::application::head;
use super::super::scalar::scalar;
use super::PostgresApp;
use super::storage::Storage;

const POSTGRES: u16 = 5432;
/// Where an instance says whether it is the master or a replica.
const HEALTH: u16 = 8008;
/// Where the machine's own figures are read.
const MACHINE_FIGURES: u16 = 9100;
/// The version that is created; Senza fills it in then.
const VERSION: &str = "{{Arguments.version}}";
const BLOCK_DEVICE: &str = "/dev/xvdk";

/// A load balancer in front of those instances that have a role.
struct Balancer {
    /// what the ids of its resources begin with
    id: &'static str,
    /// what the id of its security group is
    group: &'static str,
    /// what its names end in
    suffix: &'static str,
    /// what the instances behind it call themselves
    role: &'static str,
}

const MASTER: Balancer = Balancer {
    id: "Postgres",
    group: "SpiloMasterSG",
    suffix: "",
    role: "master",
};

const REPLICA: Balancer = Balancer {
    id: "PostgresReplica",
    group: "SpiloReplicaSG",
    suffix: "-replica",
    role: "replica",
};

impl PostgresApp {
    pub(super) fn definition(&self) -> String {
        let balancers: String = self
            .balancers()
            .iter()
            .map(|balancer| self.balancer(balancer))
            .collect();
        [
            self.head(),
            self.server(),
            self.taupage_configuration(),
            "\n# plain Cloud Formation: how clients get to the database, what its instances may do, and who may reach them\n\
             Resources:\n"
                .to_owned(),
            balancers,
            self.role(),
            self.member_group(),
        ]
        .concat()
    }

    fn balancers(&self) -> &'static [Balancer] {
        if self.has_replica_balancer {
            &[MASTER, REPLICA]
        } else {
            &[MASTER]
        }
    }

    fn head(&self) -> String {
        let parameters = match &self.docker_image {
            Some(_) => "",
            None => {
                "  Parameters:\n    - ImageVersion:\n        Description: \"Docker image of Spilo, with registry and tag.\"\n"
            }
        };
        head(
            "spilo",
            &format!("{parameters}  Tags:\n    - SpiloCluster: \"{VERSION}\"\n"),
        )
    }

    fn server(&self) -> String {
        let instance_type = scalar(&self.instance_type);
        let balancers: String = self
            .balancers()
            .iter()
            .flat_map(|balancer| ["        - ", balancer.id, "LoadBalancer\n"])
            .collect();
        let (optimized, device) = match &self.storage {
            Storage::OwnDisk => ("", "          VirtualName: ephemeral0\n".to_owned()),
            Storage::Volume(volume) => {
                let optimized = if volume.is_optimized {
                    "      EbsOptimized: true\n"
                } else {
                    ""
                };
                let line = |key: &str, value: String| format!("            {key}: {value}\n");
                let device = [
                    Some("          Ebs:\n".to_owned()),
                    Some(line("VolumeSize", volume.size.to_string())),
                    Some(line("VolumeType", volume.kind.to_owned())),
                    volume.snapshot_id.clone().map(|snapshot| line("SnapshotId", snapshot)),
                    volume.iops.map(|iops| line("Iops", iops.to_string())),
                ];
                (optimized, device.into_iter().flatten().collect())
            }
        };
        format!(
            r"
  # the members of the cluster: three, of which one is the master
  - AppServer:
      Type: Senza::TaupageAutoScalingGroup
      AutoScaling:
        Minimum: 3
        Maximum: 3
        MetricType: CPU
      InstanceType: {instance_type}
{optimized}      BlockDeviceMappings:
        - DeviceName: {BLOCK_DEVICE}
{device}      ElasticLoadBalancer:
{balancers}      HealthCheckType: EC2
      SecurityGroups:
        - Fn::GetAtt:
            - SpiloMemberSG
            - GroupId
      IamRoles:
        - Ref: PostgresAccessRole
      AssociatePublicIpAddress: false # true for a standalone deployment in the default VPC
"
        )
    }

    fn taupage_configuration(&self) -> String {
        let source = match &self.docker_image {
            Some(image) => image,
            None => "{{Arguments.ImageVersion}}",
        };
        let discovery_domain = scalar(&self.discovery_domain);
        let bucket = scalar(&self.wal_bucket);
        let [superuser, standby, admin] = [
            &self.passwords.superuser,
            &self.passwords.standby,
            &self.passwords.admin,
        ]
        .map(|text| scalar(text));
        let file_system = scalar(&self.file_system);
        let erase = self.storage.is_empty_at_first();
        let options = scalar(&self.mount_options);
        format!(
            r#"      TaupageConfig:
        runtime: Docker
        source: "{source}"
        ports:
          {POSTGRES}: {POSTGRES}
          {HEALTH}: {HEALTH}
        etcd_discovery_domain: {discovery_domain}
        environment:
          SCOPE: "{VERSION}"
          ETCD_DISCOVERY_DOMAIN: {discovery_domain}
          WAL_S3_BUCKET: {bucket}
          PGPASSWORD_SUPERUSER: {superuser}
          PGPASSWORD_ADMIN: {admin}
          PGPASSWORD_STANDBY: {standby}
          BACKUP_SCHEDULE: "00 01 * * *"
          # what Patroni is told beside its own defaults: connections are logged, and without TLS refused
          PATRONI_CONFIGURATION: |
            bootstrap:
              dcs:
                postgresql:
                  parameters:
                    log_connections: "on"
              pg_hba:
                - hostnossl all all all reject
        root: true
        sysctl:
          vm.overcommit_memory: 2
          vm.overcommit_ratio: 200
          vm.dirty_ratio: 8
          vm.dirty_background_ratio: 1
          vm.swappiness: 1
        mounts:
          /home/postgres/pgdata:
            partition: {BLOCK_DEVICE}
            filesystem: {file_system}
            erase_on_boot: {erase}
            options: {options}
"#
        )
    }

    /// A load balancer with its record and its group.
    fn balancer(&self, balancer: &Balancer) -> String {
        let Balancer {
            id,
            group,
            suffix,
            role,
        } = balancer;
        let domain = &self.domain;
        let cidr = &self.access_cidr;
        format!(
            r#"  {id}LoadBalancer:
    Type: AWS::ElasticLoadBalancing::LoadBalancer
    Properties:
      LoadBalancerName: "spilo-{VERSION}{suffix}"
      CrossZone: true
      HealthCheck:
        Target: HTTP:{HEALTH}/{role}
        Interval: "5"
        Timeout: "3"
        HealthyThreshold: "2"
        UnhealthyThreshold: "2"
      Listeners:
        - Protocol: TCP
          LoadBalancerPort: "{POSTGRES}"
          InstancePort: "{POSTGRES}"
      ConnectionSettings:
        IdleTimeout: 3600
      SecurityGroups:
        - Fn::GetAtt:
            - {group}
            - GroupId
      Scheme: internal
      Subnets:
        Fn::FindInMap:
          - LoadBalancerInternalSubnets
          - Ref: AWS::Region
          - Subnets
  {id}Route53Record:
    Type: AWS::Route53::RecordSet
    Properties:
      Type: CNAME
      TTL: "20"
      HostedZoneName: {domain}.
      Name: "{VERSION}{suffix}.{domain}"
      ResourceRecords:
        - Fn::GetAtt:
            - {id}LoadBalancer
            - DNSName
  {group}:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: "Spilo {VERSION}: load balancer of the {role}"
      VpcId: "{{{{AccountInfo.VpcID}}}}"
      SecurityGroupIngress:
        - IpProtocol: tcp
          FromPort: {POSTGRES}
          ToPort: {POSTGRES}
          CidrIp: {cidr}
"#
        )
    }

    fn role(&self) -> String {
        let bucket = format!("arn:{}:s3:::{}", self.partition, self.wal_bucket);
        let decrypt = match &self.key_arn {
            Some(arn) => format!(
                "              - Effect: Allow\n                Action: kms:Decrypt\n                Resource: \"{arn}\"\n"
            ),
            None => String::new(),
        };
        format!(
            r#"  PostgresAccessRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal:
              Service: ec2.amazonaws.com
            Action: sts:AssumeRole
      Path: /
      Policies:
        - PolicyName: SpiloEC2S3KMSAccess
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Effect: Allow
                Action: s3:ListBucket
                Resource: "{bucket}"
              - Effect: Allow
                Action: "s3:*"
                Resource: "{bucket}/spilo/{VERSION}/*"
              - Effect: Allow
                Action: ec2:CreateTags
                Resource: "*"
              - Effect: Allow
                Action: "ec2:Describe*"
                Resource: "*"
{decrypt}"#
        )
    }

    /// The group of the instances, and the rule that lets them talk among each other.
    fn member_group(&self) -> String {
        let from_balancers = self.balancers().iter().flat_map(|balancer| {
            let source = format!(
                "            Fn::GetAtt:\n              - {}\n              - GroupId\n",
                balancer.group
            );
            [POSTGRES, HEALTH].map(|port| rule(port, port, &format!("\n{source}")))
        });
        let from_monitoring = self
            .monitoring_group
            .iter()
            .flat_map(|group| [MACHINE_FIGURES, POSTGRES, HEALTH].map(|port| rule(port, port, &format!(" {group}\n"))));
        let from_bastion = self
            .bastion_group
            .iter()
            .map(|group| rule(0, 65_535, &format!(" {group}\n")));
        let rules: String = from_balancers.chain(from_monitoring).chain(from_bastion).collect();
        format!(
            r#"  SpiloMemberSG:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: "Spilo {VERSION}: members"
      VpcId: "{{{{AccountInfo.VpcID}}}}"
      SecurityGroupIngress:
{rules}  SpiloMemberIngressMembers:
    Type: AWS::EC2::SecurityGroupIngress
    Properties:
      GroupId:
        Fn::GetAtt:
          - SpiloMemberSG
          - GroupId
      IpProtocol: tcp
      FromPort: 0
      ToPort: 65535
      SourceSecurityGroupId:
        Fn::GetAtt:
          - SpiloMemberSG
          - GroupId
"#
        )
    }
}

/// One way in; `source` is what stands behind `SourceSecurityGroupId:`.
fn rule(from: u16, to: u16, source: &str) -> String {
    format!(
        "        - IpProtocol: tcp\n          FromPort: {from}\n          ToPort: {to}\n          SourceSecurityGroupId:{source}"
    )
}

#[cfg(test)]
mod tests {
    use super::super::Passwords;
    use super::super::storage::Volume;
    use super::*;

    fn app() -> PostgresApp {
        PostgresApp {
            docker_image: None,
            wal_bucket: "acme-demo-eu-west-1-spilo-app".to_owned(),
            instance_type: "t3.medium".to_owned(),
            domain: "stups.example.org".to_owned(),
            discovery_domain: "postgres.stups.example.org".to_owned(),
            has_replica_balancer: false,
            access_cidr: "172.31.0.0/16".to_owned(),
            bastion_group: None,
            monitoring_group: None,
            storage: Storage::Volume(Volume {
                size: 10,
                kind: "gp3",
                iops: None,
                snapshot_id: None,
                is_optimized: false,
            }),
            file_system: "ext4".to_owned(),
            mount_options: "noatime,nodiratime,nobarrier".to_owned(),
            passwords: Passwords {
                superuser: "123".to_owned(),
                standby: "it's: here".to_owned(),
                admin: "ADMIN".to_owned(),
            },
            key_arn: None,
            partition: "aws",
        }
    }

    #[test]
    fn the_definition_as_it_is_written() {
        let definition = stups_yaml::load(&app().definition()).unwrap().to_json();
        assert_eq!(definition["SenzaInfo"]["StackName"], "spilo");
        assert_eq!(definition["SenzaInfo"]["Tags"][0]["SpiloCluster"], VERSION);
        assert!(definition["SenzaInfo"]["Parameters"][0].get("ImageVersion").is_some());
        let server = &definition["SenzaComponents"][1]["AppServer"];
        assert_eq!(server["HealthCheckType"], "EC2");
        assert_eq!(
            server["AutoScaling"],
            serde_json::json!({"Minimum": 3, "Maximum": 3, "MetricType": "CPU"})
        );
        let taupage = &server["TaupageConfig"];
        assert_eq!(taupage["source"], "{{Arguments.ImageVersion}}");
        assert_eq!(taupage["ports"], serde_json::json!({"5432": 5432, "8008": 8008}));
        assert_eq!(taupage["environment"]["SCOPE"], VERSION);
        assert_eq!(taupage["environment"]["PGPASSWORD_STANDBY"], "it's: here");
        assert_eq!(taupage["mounts"]["/home/postgres/pgdata"]["erase_on_boot"], true);
        let resources = &definition["Resources"];
        let record = &resources["PostgresRoute53Record"]["Properties"];
        assert_eq!(record["HostedZoneName"], "stups.example.org.");
        assert_eq!(record["Name"], format!("{VERSION}.stups.example.org"));
        assert_eq!(
            resources["PostgresLoadBalancer"]["Properties"]["HealthCheck"]["Target"],
            "HTTP:8008/master"
        );
        assert!(resources.get("PostgresReplicaLoadBalancer").is_none());
    }

    #[test]
    fn everything_at_once() {
        let app = PostgresApp {
            docker_image: Some("registry.example.org/acid/spilo:1".to_owned()),
            has_replica_balancer: true,
            bastion_group: Some("sg-0dd".to_owned()),
            monitoring_group: Some("sg-202".to_owned()),
            storage: Storage::Volume(Volume {
                size: 100,
                kind: "io1",
                iops: Some(3000),
                snapshot_id: Some("snap-1".to_owned()),
                is_optimized: true,
            }),
            key_arn: Some("arn:aws:kms:eu-west-1:123456789012:key/1".to_owned()),
            ..app()
        };
        let definition = stups_yaml::load(&app.definition()).unwrap().to_json();
        assert!(definition["SenzaInfo"].get("Parameters").is_none());
        let server = &definition["SenzaComponents"][1]["AppServer"];
        assert_eq!(server["EbsOptimized"], true);
        assert_eq!(
            server["BlockDeviceMappings"][0]["Ebs"],
            serde_json::json!({"VolumeSize": 100, "VolumeType": "io1", "SnapshotId": "snap-1", "Iops": 3000})
        );
        assert_eq!(
            server["TaupageConfig"]["mounts"]["/home/postgres/pgdata"]["erase_on_boot"],
            false
        );
        assert_eq!(server["TaupageConfig"]["environment"]["PGPASSWORD_SUPERUSER"], "123");
        let resources = definition["Resources"].as_object().unwrap();
        let ids: Vec<&str> = resources.keys().map(String::as_str).collect();
        assert_eq!(
            ids,
            [
                "PostgresLoadBalancer",
                "PostgresRoute53Record",
                "SpiloMasterSG",
                "PostgresReplicaLoadBalancer",
                "PostgresReplicaRoute53Record",
                "SpiloReplicaSG",
                "PostgresAccessRole",
                "SpiloMemberSG",
                "SpiloMemberIngressMembers",
            ]
        );
        let ingress = &resources["SpiloMemberSG"]["Properties"]["SecurityGroupIngress"];
        let ports: Vec<i64> = ingress
            .as_array()
            .unwrap()
            .iter()
            .map(|rule| rule["FromPort"].as_i64().unwrap())
            .collect();
        assert_eq!(ports, [5432, 8008, 5432, 8008, 9100, 5432, 8008, 0]);
        let statements = &resources["PostgresAccessRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"];
        assert_eq!(statements[4]["Action"], "kms:Decrypt");
    }

    #[test]
    fn an_own_disk_has_no_volume() {
        let app = PostgresApp {
            storage: Storage::OwnDisk,
            ..app()
        };
        let definition = stups_yaml::load(&app.definition()).unwrap().to_json();
        assert_eq!(
            definition["SenzaComponents"][1]["AppServer"]["BlockDeviceMappings"],
            serde_json::json!([{"DeviceName": "/dev/xvdk", "VirtualName": "ephemeral0"}])
        );
    }
}
