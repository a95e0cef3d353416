//! The texts of messages, by language and event.

mod folder;
mod names;
mod values;

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt;
use std::path::{Path, PathBuf};

use logistics_core::Language;
use logistics_core::notify::{Notification, Recipient};
use logistics_core::port::{NotifyError, NotifyErrorKind};
use logistics_core::text::is_active;
use minijinja::{Environment, UndefinedBehavior};

use values::Values;

/// Bytes of one template file.
pub const TEMPLATE_BYTES_MAX: usize = 256 * 1024;
/// Files of a folder of templates.
pub const TEMPLATE_FILES_MAX: usize = 1_000;
/// Bytes of one part of a message.
pub const TEXT_BYTES_MAX: usize = 512 * 1024;
/// Characters of a subject; a longer one is cut.
const SUBJECT_CHARS_MAX: usize = 200;
/// Steps of one rendering, so that no loop lasts.
const RENDER_STEPS_MAX: u64 = 1_000_000;
/// The name of the texts of every event without its own.
const DEFAULT: &str = "default";

const BUILT_IN: [(&str, [&str; 3]); 2] = [
    (
        "en",
        [
            include_str!("../../templates/en/default.subject"),
            include_str!("../../templates/en/default.txt"),
            include_str!("../../templates/en/default.html"),
        ],
    ),
    (
        "de",
        [
            include_str!("../../templates/de/default.subject"),
            include_str!("../../templates/de/default.txt"),
            include_str!("../../templates/de/default.html"),
        ],
    ),
];

/// Why templates cannot be used: the file, the line and the problem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTemplates {
    /// The folder or a file cannot be read.
    #[error("cannot read {path}: {problem}", path = path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// The problem.
        problem: String,
    },
    /// A file or folder has a name that no notification uses.
    #[error("{path}: {problem}", path = path.display())]
    Name {
        /// The file or folder.
        path: PathBuf,
        /// What its name must be.
        problem: String,
    },
    /// A template cannot be parsed or rendered.
    #[error("{path} line {line}: {problem}", path = path.display())]
    Template {
        /// The file.
        path: PathBuf,
        /// The line, from 1; 0: unknown.
        line: usize,
        /// The problem.
        problem: String,
    },
}

/// The texts of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Texts {
    pub(crate) subject: String,
    pub(crate) plain: String,
    pub(crate) html: Option<String>,
    /// The language of the texts.
    pub(crate) language: String,
}

/// The templates of one event in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Set {
    /// The path of the templates without an extension, such as `de/placed`.
    stem: String,
    has_html: bool,
}

/// Templates of e-mails, by language and event: built-in English and German, and those of a folder.
///
/// They are checked when they are created: each is rendered for each of its events.
pub struct EmailTemplates {
    environment: Environment<'static>,
    /// By language, then by event or [`DEFAULT`]; those of the folder.
    own: BTreeMap<String, BTreeMap<String, Set>>,
    folder: Option<PathBuf>,
}

impl EmailTemplates {
    /// The built-in templates.
    #[must_use]
    pub fn built_in() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(RENDER_STEPS_MAX));
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        // Nothing switches the escaping of a value off.
        environment.remove_filter("safe");
        for (language, texts) in BUILT_IN {
            for (extension, text) in ["subject", "txt", "html"].into_iter().zip(texts) {
                let name = format!("built-in/{language}/{DEFAULT}.{extension}");
                let added = environment.add_template_owned(name, text);
                // The tests render each of them.
                added.unwrap_or_else(|error| unreachable!("a built-in template is invalid: {error}"));
            }
        }
        Self { environment, own: BTreeMap::new(), folder: None }
    }

    /// The built-in templates, and those of a folder, which take precedence: `<language>/<event>.subject`, `.txt` and `.html`,
    /// and `<language>/default.*` for every other event. The HTML is optional. A file whose name begins with `_` is for
    /// `include` and `extends`.
    ///
    /// # Errors
    /// [`InvalidTemplates`] with the first file that cannot be used.
    pub fn from_folder(folder: &Path) -> Result<Self, InvalidTemplates> {
        let mut templates = Self::built_in();
        templates.folder = Some(folder.to_owned());
        let (own, files) = folder::read(folder)?;
        for (name, text) in files {
            let added = templates.environment.add_template_owned(name.clone(), text);
            added.map_err(|error| templates.invalid(&name, &error))?;
        }
        templates.own = own;
        templates.check()?;
        Ok(templates)
    }

    /// The texts of the message to a recipient, in the first language that has some: `language`, its broader ones, and
    /// `default`.
    pub(crate) fn render(
        &self,
        language: &Language,
        default: &Language,
        notification: &Notification,
        recipient: &Recipient,
        unsubscribe_url: Option<&str>,
    ) -> Result<Texts, NotifyError> {
        let (language, set) = self.chosen(&[language, default], values::event(notification));
        let values = Values::new(&language, notification, recipient, unsubscribe_url);
        let invalid = |(name, error): (String, minijinja::Error)| {
            let why = self.invalid(&name, &error);
            NotifyError::new(NotifyErrorKind::Invalid, format!("the e-mail template {why}"))
        };
        self.texts(&set, &language, &values).map_err(invalid)
    }

    fn texts(
        &self,
        set: &Set,
        language: &str,
        values: &Values<'_>,
    ) -> Result<Texts, (String, minijinja::Error)> {
        let part = |extension: &str| {
            let name = format!("{}.{extension}", set.stem);
            let rendered = self.environment.get_template(&name).and_then(|template| template.render(values));
            let bounded = rendered.and_then(|text| match text.len() {
                0..=TEXT_BYTES_MAX => Ok(text),
                bytes => {
                    let problem = format!("the text has {bytes} bytes; the limit is {TEXT_BYTES_MAX}");
                    Err(minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, problem))
                }
            });
            bounded.map_err(|error| (name, error))
        };
        Ok(Texts {
            subject: one_line(&part("subject")?),
            plain: part("txt")?,
            html: set.has_html.then(|| part("html")).transpose()?,
            language: language.to_owned(),
        })
    }

    /// The language and its set. English is the last resort.
    fn chosen(&self, languages: &[&Language], event: &str) -> (String, Set) {
        for language in languages {
            let mut next = Some((*language).clone());
            while let Some(language) = next {
                if let Some(set) = self.set(language.as_str(), event) {
                    return (language.as_str().to_owned(), set);
                }
                next = language.broader();
            }
        }
        ("en".to_owned(), built_in("en"))
    }

    fn set(&self, language: &str, event: &str) -> Option<Set> {
        let own = self.own.get(language).and_then(|events| events.get(event).or_else(|| events.get(DEFAULT)));
        let built_in = || BUILT_IN.iter().any(|(name, _)| *name == language).then(|| built_in(language));
        own.cloned().or_else(built_in)
    }

    /// Renders every set of the folder for each of its events.
    fn check(&self) -> Result<(), InvalidTemplates> {
        for (language, sets) in &self.own {
            for (event, set) in sets {
                let covers = |sample: &&(Notification, Recipient)| {
                    event == DEFAULT || values::event(&sample.0) == event
                };
                for (notification, recipient) in values::samples().iter().filter(covers) {
                    let values = Values::new(language, notification, recipient, Some("https://shop.example"));
                    let checked = self.texts(set, language, &values);
                    checked.map_err(|(name, error)| self.invalid(&name, &error))?;
                }
            }
        }
        Ok(())
    }

    fn invalid(&self, name: &str, error: &minijinja::Error) -> InvalidTemplates {
        // The error of an included template is the cause.
        let mut error = error;
        while let Some(cause) = error.source().and_then(|cause| cause.downcast_ref::<minijinja::Error>()) {
            error = cause;
        }
        let name = error.name().unwrap_or(name);
        let path = self.folder.as_ref().map_or_else(|| PathBuf::from(name), |folder| folder.join(name));
        let problem = error
            .detail()
            .map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
        InvalidTemplates::Template { path, line: error.line().unwrap_or_default(), problem }
    }
}

fn built_in(language: &str) -> Set {
    Set { stem: format!("built-in/{language}/{DEFAULT}"), has_html: true }
}

/// A header's text: one line without control characters, cut to its limit.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ").replace(is_active, "\u{fffd}");
    line.chars().take(SUBJECT_CHARS_MAX).collect()
}

impl fmt::Debug for EmailTemplates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let languages: Vec<_> = self.own.keys().collect();
        f.debug_struct("EmailTemplates")
            .field("folder", &self.folder)
            .field("own", &languages)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
