//! The example workflows, loaded on a first start so that there is something to try.

use service::workflows::{ImportFile, ImportOutcome, ImportRequest, import};
use service::{Services, Viewer};
use store::{PageRequest, WorkflowFilter, WorkflowOrder};

use crate::failure::Failure;

const EXAMPLES: [(&str, &str); 5] = [
    ("order-approval/workflow.yaml", include_str!("../../../examples/order-approval/workflow.yaml")),
    ("fraud-check/workflow.yaml", include_str!("../../../examples/fraud-check/workflow.yaml")),
    ("inventory-sync/workflow.yaml", include_str!("../../../examples/inventory-sync/workflow.yaml")),
    ("data-batch/workflow.yaml", include_str!("../../../examples/data-batch/workflow.yaml")),
    ("purchase-approval/workflow.yaml", include_str!("../../../examples/purchase-approval/workflow.yaml")),
];

/// Publishes the examples if there is no workflow at all; returns how many were published.
pub async fn load(services: &Services) -> Result<usize, Failure> {
    let viewer = Viewer::owner(services.default_organization());
    let failed = |problem: service::ServiceError| Failure::of("the examples cannot be loaded", &problem);
    let known = service::workflows::page(
        services,
        &viewer,
        &WorkflowFilter::default(),
        WorkflowOrder::default(),
        &PageRequest::first(1),
    )
    .await;
    if !known.map_err(failed)?.rows.is_empty() {
        return Ok(0);
    }
    let files =
        EXAMPLES.iter().map(|(path, content)| ImportFile { path: (*path).to_owned(), content: (*content).to_owned() });
    let request = ImportRequest { files: files.collect(), publish: true, dry_run: false };
    let imported = import(services, &viewer, request).await.map_err(failed)?;
    Ok(imported.iter().filter(|file| file.outcome == ImportOutcome::Created).count())
}
