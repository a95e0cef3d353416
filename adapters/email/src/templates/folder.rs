//! Reading a folder of templates.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use logistics_core::Language;

use super::values::events;
use super::{DEFAULT, InvalidTemplates, Set, TEMPLATE_BYTES_MAX, TEMPLATE_FILES_MAX};

/// By language, then by event.
type Sets = BTreeMap<String, BTreeMap<String, Set>>;
/// Names, relative to the folder, and texts.
type Files = Vec<(String, String)>;

const EXTENSIONS: [&str; 3] = ["subject", "txt", "html"];

pub(super) fn read(folder: &Path) -> Result<(Sets, Files), InvalidTemplates> {
    let (mut sets, mut files) = (Sets::new(), Files::new());
    for (name, path) in entries(folder)? {
        if path.is_dir() {
            let language = Language::parse(&name).map_err(|_| {
                named(&path, "a folder of templates must have a language's name, such as de or de-AT")
            })?;
            let mut stems: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (file, path) in entries(&path)? {
                files.push((format!("{name}/{file}"), text(&path)?));
                if let Some((event, extension)) = event_of(&file, &path)? {
                    stems.entry(event).or_default().push(extension);
                }
            }
            for (event, extensions) in stems {
                let set = complete(&path, &name, &event, &extensions)?;
                sets.entry(language.as_str().to_owned()).or_default().insert(event, set);
            }
        } else if name.starts_with('_') {
            files.push((name, text(&path)?));
        } else {
            return Err(named(&path, "put templates into a folder per language; other files begin with _"));
        }
        if files.len() > TEMPLATE_FILES_MAX {
            return Err(named(folder, &format!("has more than {TEMPLATE_FILES_MAX} files")));
        }
    }
    Ok((sets, files))
}

/// The event and the extension of a file; `None`: it is for other templates.
fn event_of(file: &str, path: &Path) -> Result<Option<(String, String)>, InvalidTemplates> {
    if file.starts_with('_') {
        return Ok(None);
    }
    let (event, extension) = file.rsplit_once('.').unwrap_or((file, ""));
    if !EXTENSIONS.contains(&extension) {
        return Err(named(path, "a template must end in .subject, .txt or .html"));
    }
    if event != DEFAULT && !events().contains(&event) {
        let known = events().join(", ");
        return Err(named(path, &format!("no such event; there are {DEFAULT}, {known}")));
    }
    Ok(Some((event.to_owned(), extension.to_owned())))
}

fn complete(
    folder: &Path,
    language: &str,
    event: &str,
    extensions: &[String],
) -> Result<Set, InvalidTemplates> {
    for required in ["subject", "txt"] {
        if !extensions.iter().any(|extension| extension == required) {
            let path = folder.join(format!("{event}.{required}"));
            return Err(named(&path, "is missing; an e-mail needs a subject and a plain text"));
        }
    }
    let has_html = extensions.iter().any(|extension| extension == "html");
    Ok(Set { stem: format!("{language}/{event}"), has_html })
}

/// The names and paths in a folder, sorted, without hidden ones.
fn entries(folder: &Path) -> Result<Vec<(String, std::path::PathBuf)>, InvalidTemplates> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let entry = entry.map_err(|error| unreadable(folder, &error))?;
        let name =
            entry.file_name().into_string().map_err(|_| named(&entry.path(), "the name is not UTF-8"))?;
        if !name.starts_with('.') {
            all.push((name, entry.path()));
        }
    }
    all.sort();
    Ok(all)
}

fn text(path: &Path) -> Result<String, InvalidTemplates> {
    let bytes = fs::metadata(path).map_err(|error| unreadable(path, &error))?.len();
    if bytes > TEMPLATE_BYTES_MAX as u64 {
        return Err(named(path, &format!("has {bytes} bytes; the limit is {TEMPLATE_BYTES_MAX}")));
    }
    fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> InvalidTemplates {
    InvalidTemplates::Unreadable { path: path.to_owned(), problem: error.to_string() }
}

fn named(path: &Path, problem: &str) -> InvalidTemplates {
    InvalidTemplates::Name { path: path.to_owned(), problem: problem.to_owned() }
}
