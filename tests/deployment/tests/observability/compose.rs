//! `compose.observability.yaml`, as text: no engine and no image is needed.

use logistics_deployment_tests::project;

fn overlay() -> String {
    std::fs::read_to_string(project().join("deploy/compose.observability.yaml")).expect("the overlay")
}

#[test]
fn every_port_is_of_this_machine_alone_and_every_image_has_a_version() {
    let overlay = overlay();
    let with = |part: &str| overlay.lines().filter(|line| line.contains(part)).collect::<Vec<_>>();
    let ports = with("_PORT:-");
    assert_eq!(ports.len(), 6, "{ports:?}");
    assert!(ports.iter().all(|port| port.trim().starts_with("- 127.0.0.1:")), "{ports:?}");
    let images = with("image:");
    assert_eq!(images.len(), 4, "{images:?}");
    for image in images {
        let tag = image.trim_end_matches('}').rsplit(':').next().unwrap_or_default();
        assert!(tag.chars().any(|c| c.is_ascii_digit()) && !tag.contains("latest"), "{image}");
    }
}

/// Each tool is in the profile, read-only, limited and checked.
#[test]
fn every_tool_is_confined_and_checked() {
    let overlay = overlay();
    let services = ["prometheus", "alertmanager", "grafana", "jaeger"];
    for service in services {
        let (_, rest) = overlay.split_once(&format!("\n  {service}:\n")).expect("the service");
        let body: String =
            rest.lines().take_while(|line| line.is_empty() || line.starts_with("    ")).collect();
        for part in ["<<: *tool", "image:", "mem_limit:", "healthcheck:"] {
            assert!(body.contains(part), "{service} has no {part}");
        }
    }
    let (_, tool) = overlay.split_once("x-tool: &tool\n").expect("what the tools share");
    let confined =
        ["profiles: [observability]", "read_only: true", "cap_drop: [ALL]", "no-new-privileges:true"];
    assert!(confined.iter().all(|part| tool.contains(part)));
}

/// Docker makes an empty folder of a file that does not exist.
#[test]
fn every_mounted_file_exists() {
    let overlay = overlay();
    let mounts: Vec<_> =
        overlay.lines().filter_map(|line| line.trim().strip_prefix("- ./")?.split(':').next()).collect();
    assert_eq!(mounts.len(), 6, "{mounts:?}");
    for mount in mounts {
        assert!(project().join("deploy").join(mount).exists(), "{mount} does not exist");
    }
}
