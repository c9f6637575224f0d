//! What a node would do: there is none, so that Pods stay pending until a test has them run.

use serde_json::json;

use crate::support::{Namespace, eventually};

/// Has the Pods of a Deployment run until it is rolled out as it is.
pub async fn roll_out(here: &Namespace<'_>, name: &str) {
    eventually(&format!("deployment {name} rolled out"), || async {
        run_pods(here, name).await;
        let deployment = here.get("deployment", name).await?;
        let (wanted, status) = (&deployment["spec"]["replicas"], &deployment["status"]);
        let is_complete = status["observedGeneration"] == deployment["metadata"]["generation"]
            && ["replicas", "updatedReplicas", "readyReplicas"].iter().all(|field| status[field] == *wanted);
        is_complete.then_some(())
    })
    .await;
}

/// Has the Pods that a Deployment has by now run.
async fn run_pods(here: &Namespace<'_>, name: &str) {
    for mut pod in here.list("pods").await {
        if pod["metadata"]["labels"]["app"] != name || pod["status"]["phase"] == "Running" {
            continue;
        }
        let ready = json!({ "type": "Ready", "status": "True" });
        pod["status"] = json!({ "phase": "Running", "conditions": [ready] });
        let pod_name = pod["metadata"]["name"].as_str().unwrap();
        let path = format!("/api/v1/namespaces/{}/pods/{pod_name}/status", here.name);
        // A controller may be faster, with another change or with its end; then it is looked again.
        let _ = here.with_input(&["replace", "--raw", &path, "-f", "-"], &pod).await;
    }
}
