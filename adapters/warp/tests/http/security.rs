//! Headers for browsers and caches.

use crate::test_server::TestServer;

#[tokio::test]
async fn replies_are_not_sniffed_and_personal_ones_not_stored() {
    let server = TestServer::start().await;
    let id = server.placed().await;
    let order = format!("/orders/{id}");
    for (line, headers, status, cache) in [
        ("POST /orders", &[][..], 200, "no-store"),
        ("GET /orders", &[], 200, "no-store"),
        (&format!("GET {order}"), &[], 200, "no-store"),
        (&format!("GET {order}"), &["If-None-Match: \"1\""], 304, "no-store"),
        (&format!("GET {order}/events"), &[], 200, "no-store"),
        (&format!("GET {order}/requests/none"), &[], 404, "no-store"),
        ("GET /orders/none", &[], 404, "no-store"),
        ("GET /log/orders/0", &[], 200, "no-store"),
        ("GET /log/nothing/0", &[], 404, "no-store"),
        ("GET /orders", &["Origin: https://evil.example"], 403, "no-store"),
        ("GET /nothing", &[], 404, "no-store"),
        ("GET /health/ready", &[], 200, "no-store"),
        ("GET /openapi.json", &[], 200, "no-cache"),
        ("GET /docs", &[], 200, "no-cache"),
        ("GET /docs/swagger-ui.css", &[], 200, "no-cache"),
    ] {
        let reply = server.call(line, headers, "").await;
        assert_eq!(reply.status, status, "{line}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{line}");
        assert_eq!(reply.header("cache-control"), cache, "{line}");
        assert_eq!(reply.header("strict-transport-security"), "", "{line}");
        assert_eq!(reply.header("access-control-allow-credentials"), "", "{line}");
        let page = line.starts_with("GET /docs");
        assert_eq!(reply.header("content-security-policy").is_empty(), !page, "{line}");
    }
}

#[tokio::test]
async fn the_page_loads_its_own_files_only_and_is_in_no_frame() {
    let server = TestServer::start().await;
    let page = server.get("/docs").await;
    let policy = page.header("content-security-policy");
    for directive in
        ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "connect-src 'self'"]
    {
        assert!(policy.contains(directive), "{policy}");
    }
    assert_eq!(page.header("x-frame-options"), "DENY");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    let html = String::from_utf8(page.body).expect("UTF-8");
    // The policy permits no script in the page itself.
    assert!(html.matches("<script").count() == html.matches("<script src=\"./").count(), "{html}");
    assert!(!html.contains("http://") && !html.contains("https://"), "{html}");
}
