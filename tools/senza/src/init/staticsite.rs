//! The `static` template: files that a content delivery network serves.

use super::answers::Answers;
use super::scalar::scalar;
use super::{checks, questions};
use crate::Error;

pub(super) const DESCRIPTION: &str = "Static files in a bucket, served by a content delivery network";

pub(super) const VARIABLES: [&str; 2] = ["application_id", "default_object"];

pub(super) fn prepare(answers: &Answers<'_>) -> Result<String, Error> {
    let id = questions::application_id(answers, checks::application_id)?;
    let default_object = answers.value("default_object", "Default object", Some("index.html"), object_name)?;
    Ok(definition(&id, &default_object))
}

fn object_name(text: &str) -> Result<String, String> {
    if text.starts_with('/') {
        return Err("not the name of a file, which does not start with /".to_owned());
    }
    checks::url_path(&format!("/{text}"))?;
    Ok(text.to_owned())
}

fn definition(id: &str, default_object: &str) -> String {
    let (stack_name, default_object) = (scalar(id), scalar(default_object));
    format!(
        r#"# what this definition is called
SenzaInfo:
  StackName: {stack_name}

# plain Cloud Formation: a bucket that only the content delivery network reads
Resources:
  Files:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      PublicAccessBlockConfiguration:
        BlockPublicAcls: true
        BlockPublicPolicy: true
        IgnorePublicAcls: true
        RestrictPublicBuckets: true
  FilesPolicy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket:
        Ref: Files
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal:
              Service: cloudfront.amazonaws.com
            Action: s3:GetObject
            Resource:
              Fn::Sub: "${{Files.Arn}}/*"
            Condition:
              StringEquals:
                AWS:SourceArn:
                  Fn::Sub: "arn:${{AWS::Partition}}:cloudfront::${{AWS::AccountId}}:distribution/${{Distribution}}"
  Access:
    Type: AWS::CloudFront::OriginAccessControl
    Properties:
      OriginAccessControlConfig:
        Name:
          Ref: AWS::StackName
        OriginAccessControlOriginType: s3
        SigningBehavior: always
        SigningProtocol: sigv4
  Distribution:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        HttpVersion: http2and3
        IPV6Enabled: true
        DefaultRootObject: {default_object}
        Origins:
          - Id: files
            DomainName:
              Fn::GetAtt: [Files, RegionalDomainName]
            OriginAccessControlId:
              Fn::GetAtt: [Access, Id]
            S3OriginConfig: {{}}
        DefaultCacheBehavior:
          TargetOriginId: files
          ViewerProtocolPolicy: redirect-to-https
          Compress: true
          # AWS's own policy "CachingOptimized"
          CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6

Outputs:
  Bucket:
    Description: "Where the files go"
    Value:
      Ref: Files
  Url:
    Value:
      Fn::Sub: "https://${{Distribution.DomainName}}/"
"#
    )
}
