//! `pierone emergency-promotion`

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use stups_api::client::Client;
use stups_terminal::Failure;

use crate::approvals::{declare_production_ready, marked_text, refused};
use crate::context::Context;
use crate::image_name::{ImageName, full_image_name};

/// How often the promoter is asked how far it is (contract pierone 2.15).
const POLL: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct EmergencyPromotionArguments {
    /// The incident that demands it
    incident: String,
    /// registry/team/artifact:tag
    #[arg(value_parser = full_image_name)]
    image: ImageName,
}

/// How far the promoter is (contract pierone 2.7).
#[derive(Deserialize)]
struct PromotionRequest {
    status: String,
    #[serde(default)]
    production_image: Option<String>,
    #[serde(default)]
    error: Option<String>,
}

/// Declares the image ready, has it copied, and declares the copy ready.
pub(crate) async fn run(context: &Context, arguments: &EmergencyPromotionArguments) -> Result<(), Failure> {
    let EmergencyPromotionArguments { incident, image } = arguments;
    let promoter = context.promoter.as_ref().ok_or_else(|| {
        Failure::application(
            "No promoter is configured: set \"promoter_url\" in pierone/pierone.yaml, or PIERONE_PROMOTER_URL",
        )
    })?;
    mark(context, image, incident).await?;
    context.terminal.print(&marked_text(image, incident));
    let production = promote(context, promoter, image).await?;
    let production = full_image_name(&production)
        .map_err(|error| Failure::application(format!("The promoter made \"{production}\": {error}")))?;
    mark(context, &production, incident).await?;
    context
        .terminal
        .print("Copied incident metadata to production image.\n");
    context.terminal.print(&format!("{image} promoted to {production}.\n"));
    Ok(())
}

async fn mark(context: &Context, image: &ImageName, incident: &str) -> Result<(), Failure> {
    let marked = declare_production_ready(context, image, incident).await;
    marked.map_err(|error| refused(&format!("mark {image} as production ready"), image, &error))
}

/// The name of the copy, once there is one.
async fn promote(context: &Context, promoter: &Client, image: &ImageName) -> Result<String, Failure> {
    let name = image.to_string();
    let path: Vec<&str> = std::iter::once("promotion-requests").chain(name.split('/')).collect();
    let failed = |error| refused(&format!("promote {image}"), image, &error);
    let request = promoter
        .post(&["promotion-requests"])
        .json(&json!({"staging_image": name}));
    request.done().await.map_err(failed)?;
    context.terminal.print("Requested promotion.\n");
    let action = context.terminal.action("Waiting for the promotion..");
    loop {
        let request: PromotionRequest = promoter.get(&path).send().await.map_err(failed)?;
        match request.status.to_lowercase().as_str() {
            "in_progress" => {
                action.progress();
                tokio::time::sleep(POLL).await;
            }
            "succeeded" => {
                action.ok();
                let nothing = || Failure::application("The promoter does not say what it made");
                return request.production_image.ok_or_else(nothing);
            }
            status => {
                let reason = request.error.unwrap_or_else(|| format!("its status is {status}"));
                action.fatal("failed");
                return Err(Failure::application(format!("Image Promotion Failed: {reason}")));
            }
        }
    }
}
