//! Certificates in Certificate Manager and, from before there was one, in IAM.

use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use stups_aws::acm::types::{CertificateDetail, CertificateStatus, CertificateSummary, Filters, KeyAlgorithm};
use stups_aws::iam::types::ServerCertificateMetadata;

use super::Account;
use crate::Error;

/// A certificate in Certificate Manager. Times are seconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct AcmCertificate {
    /// `arn:aws:acm:...`
    pub(crate) arn: String,
    /// the common name
    pub(crate) domain: String,
    /// all names it is for
    pub(crate) alternative_names: Vec<String>,
    /// `ISSUED`, `EXPIRED`, `REVOKED`, ...
    pub(crate) status: String,
    /// valid from
    pub(crate) not_before: Option<f64>,
    /// valid until
    pub(crate) not_after: Option<f64>,
    /// when it was requested or, for a foreign one, imported
    pub(crate) created: Option<f64>,
}

/// A server certificate in IAM. Times are seconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServerCertificate {
    /// `arn:aws:iam::...:server-certificate/...`
    pub(crate) arn: String,
    /// its name
    pub(crate) name: String,
    /// valid until
    pub(crate) expiration: f64,
    /// when it was uploaded
    pub(crate) uploaded: f64,
}

impl Account {
    /// The issued certificates of the region, with keys of every type.
    pub(crate) async fn acm_certificates(&self) -> Result<&[AcmCertificate], Error> {
        let certificates = self
            .acm_certificates
            .get_or_try_init(|| {
                Box::pin(async {
                    let acm = self.online()?.acm();
                    // Without the key types only RSA keys up to 2048 bits are listed.
                    let pages = acm
                        .list_certificates()
                        .certificate_statuses(CertificateStatus::Issued)
                        .includes(Filters::builder().set_key_types(Some(key_types())).build())
                        .into_paginator()
                        .items()
                        .send();
                    let summaries: Vec<CertificateSummary> = pages.collect::<Result<_, _>>().await?;
                    stream::iter(summaries)
                        .map(|summary| self.complete(summary))
                        .buffered(8)
                        .try_collect::<Vec<AcmCertificate>>()
                        .await
                })
            })
            .await?;
        Ok(certificates)
    }

    async fn complete(&self, summary: CertificateSummary) -> Result<AcmCertificate, Error> {
        match from_summary(&summary) {
            Some(certificate) => Ok(certificate),
            None => {
                self.describe_certificate(summary.certificate_arn.as_deref().unwrap_or_default())
                    .await
            }
        }
    }

    /// One certificate by its ARN.
    pub(crate) async fn describe_certificate(&self, arn: &str) -> Result<AcmCertificate, Error> {
        if let Some(known) = self
            .acm_certificates
            .get()
            .and_then(|certificates| certificates.iter().find(|certificate| certificate.arn == arn))
        {
            return Ok(known.clone());
        }
        self.described_certificates
            .get(
                arn,
                Box::pin(async {
                    let answer = self
                        .online()?
                        .acm()
                        .describe_certificate()
                        .certificate_arn(arn)
                        .send()
                        .await?;
                    let detail = answer
                        .certificate
                        .ok_or_else(|| Error::Fatal(format!("Certificate {arn} does not exist")))?;
                    Ok(from_detail(arn, detail))
                }),
            )
            .await
    }

    /// All server certificates in IAM.
    pub(crate) async fn server_certificates(&self) -> Result<&[ServerCertificate], Error> {
        let certificates = self
            .server_certificates
            .get_or_try_init(|| {
                Box::pin(async {
                    let pages = self
                        .online()?
                        .iam()
                        .list_server_certificates()
                        .into_paginator()
                        .items()
                        .send();
                    let found: Vec<ServerCertificateMetadata> = pages.collect::<Result<_, _>>().await?;
                    Ok::<_, Error>(
                        found
                            .into_iter()
                            .map(|metadata| ServerCertificate {
                                arn: metadata.arn,
                                name: metadata.server_certificate_name,
                                expiration: metadata.expiration.map(|time| time.as_secs_f64()).unwrap_or_default(),
                                uploaded: metadata.upload_date.map(|time| time.as_secs_f64()).unwrap_or_default(),
                            })
                            .collect(),
                    )
                })
            })
            .await?;
        Ok(certificates)
    }
}

fn from_detail(arn: &str, detail: CertificateDetail) -> AcmCertificate {
    AcmCertificate {
        arn: arn.to_owned(),
        alternative_names: detail.subject_alternative_names().to_vec(),
        status: detail
            .status
            .map(|status| status.as_str().to_owned())
            .unwrap_or_default(),
        not_before: detail.not_before.map(|time| time.as_secs_f64()),
        not_after: detail.not_after.map(|time| time.as_secs_f64()),
        created: detail.created_at.or(detail.imported_at).map(|time| time.as_secs_f64()),
        domain: detail.domain_name.unwrap_or_default(),
    }
}

/// What a summary says, when it says everything that choosing a certificate needs.
fn from_summary(summary: &CertificateSummary) -> Option<AcmCertificate> {
    if summary.has_additional_subject_alternative_names.unwrap_or_default()
        || summary.subject_alternative_name_summaries().is_empty()
    {
        return None;
    }
    Some(AcmCertificate {
        arn: summary.certificate_arn.clone()?,
        domain: summary.domain_name.clone()?,
        alternative_names: summary.subject_alternative_name_summaries().to_vec(),
        status: summary.status.as_ref()?.as_str().to_owned(),
        not_before: Some(summary.not_before?.as_secs_f64()),
        not_after: Some(summary.not_after?.as_secs_f64()),
        created: Some(summary.created_at.or(summary.imported_at)?.as_secs_f64()),
    })
}

fn key_types() -> Vec<KeyAlgorithm> {
    KeyAlgorithm::values()
        .iter()
        .map(|name| KeyAlgorithm::from(*name))
        .collect()
}

#[cfg(test)]
mod tests {
    use stups_aws::acm::primitives::DateTime;

    use super::*;

    #[test]
    fn a_foreign_certificate_is_as_old_as_its_import() {
        let time = DateTime::from_secs;
        let detail = CertificateDetail::builder().imported_at(time(7)).build();
        assert_eq!(from_detail("arn", detail).created, Some(7.0));
        let summary = CertificateSummary::builder()
            .certificate_arn("arn")
            .domain_name("zo.ne")
            .subject_alternative_name_summaries("zo.ne")
            .status(CertificateStatus::Issued)
            .not_before(time(1))
            .not_after(time(9))
            .imported_at(time(7));
        assert_eq!(from_summary(&summary.clone().build()).unwrap().created, Some(7.0));
        // More names than a summary tells: the certificate itself has to be asked for.
        let truncated = summary.has_additional_subject_alternative_names(true).build();
        assert_eq!(from_summary(&truncated), None);
    }
}
