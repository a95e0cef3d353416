//! The page of the demo's orders, each with a link to its tracking page. It is a file, which a browser reads again every second.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use logistics_cli_kit::Failure;
use logistics_core::Status;
use tempfile::TempDir;

use super::orders::DemoOrder;

const FILE: &str = "index.html";

/// The page. The file ends with it.
pub(super) struct Index {
    directory: TempDir,
    entries: Mutex<Vec<Entry>>,
}

struct Entry {
    demo_order: &'static DemoOrder,
    /// The address of the tracking page.
    address: String,
    status: Status,
}

impl Index {
    /// Writes a page without orders.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn new() -> Result<Self, Failure> {
        let directory = tempfile::tempdir().map_err(|error| failed(&error))?;
        let index = Self { directory, entries: Mutex::default() };
        index.write(&[])?;
        Ok(index)
    }

    /// The address of the page.
    pub(super) fn address(&self) -> String {
        format!("file://{}", self.path(FILE).display())
    }

    /// Adds an order.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn add(&self, demo_order: &'static DemoOrder, address: String) -> Result<(), Failure> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(Entry { demo_order, address, status: Status::Placed });
        self.write(&entries)
    }

    /// Shows the new status of an order.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn moved(&self, demo_order: &'static DemoOrder, status: Status) -> Result<(), Failure> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |entry: &&mut Entry| entry.demo_order.title == demo_order.title;
        if let Some(entry) = entries.iter_mut().find(of) {
            entry.status = status;
        }
        self.write(&entries)
    }

    /// A rename replaces the page at once, so that a browser never reads a part of it.
    fn write(&self, entries: &[Entry]) -> Result<(), Failure> {
        let new = self.path("index.new");
        fs::write(&new, page(entries))
            .and_then(|()| fs::rename(&new, self.path(FILE)))
            .map_err(|error| failed(&error))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

fn failed(error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot write the page of the orders: {error}"))
}

/// Every text is one of the demo's own, or consists of letters, digits, `-`, `_` and the characters of a URL.
fn page(entries: &[Entry]) -> String {
    let mut page = String::from(HEAD);
    for Entry { demo_order, address, status } in entries {
        let name = status.name().replace('_', " ").to_lowercase();
        let _ = writeln!(
            page,
            "<li><a href=\"{address}\"><span class=\"sign\" aria-hidden=\"true\">{}</span><span><b>{}</b><small>{} → {}</small></span><em>{name}</em></a></li>",
            demo_order.emoji, demo_order.title, demo_order.merchant, demo_order.customer
        );
    }
    page.push_str("</ol></main></body></html>\n");
    page
}

const HEAD: &str = r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Orders of the demo</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="1"><meta name="color-scheme" content="light dark"><style>
:root { --back: #f4f2ee; --card: #fff; --ink: #1c2230; --soft: #596274; }
@media (prefers-color-scheme: dark) { :root { --back: #10141c; --card: #191f2a; --ink: #edf0f5; --soft: #a5afc0; } }
body { margin: 0; background: var(--back); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 42rem; margin: 0 auto; padding: 2rem 1rem; }
h1 { font-size: 1.75rem; letter-spacing: -.02em; }
p, small, em { color: var(--soft); font-style: normal; }
ol { padding: 0; list-style: none; }
a { display: flex; gap: 1rem; align-items: center; margin: .75rem 0; padding: 1rem 1.25rem; border-radius: 1rem;
    background: var(--card); color: inherit; text-decoration: none; }
a:hover b, a:focus-visible b { text-decoration: underline; }
a > span:nth-child(2) { flex: 1; } small { display: block; } .sign { font-size: 1.75rem; }
</style></head><body><main><h1>Orders of the demo</h1><p>Each opens its tracking page, which follows the order live.</p><ol>
"#;
