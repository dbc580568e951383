//! What every command has at hand: the cache, and the two streams.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use serde::Serialize;

use super::{Color, Global, progress, wrap};
use crate::cache::Cache;
use crate::config::Overrides;
use crate::environment::{self, Environment};
use crate::error::{Error, Result};
use crate::notice;
use crate::progress::Progress;

/// How a command that ran to its end came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Done, or the check holds.
    Holds,
    /// What was asked for failed, or the check does not hold.
    Fails,
    /// As the child process ended.
    Code(u8),
}

/// How a person or a program called.
pub(crate) struct Context {
    global: Global,
    pub(crate) environment: Environment,
}

impl Context {
    pub(super) fn new(global: Global) -> Self {
        let environment = Environment::current();
        match global.color {
            Color::Always => anstream::ColorChoice::Always.write_global(),
            Color::Never => anstream::ColorChoice::Never.write_global(),
            Color::Auto => {}
        }
        Self { global, environment }
    }

    /// The cache of the catalog that was named or is nearest; fetches show how far they are.
    pub(crate) fn cache(&self) -> Result<Cache> {
        let progress = if self.global.quiet { Progress::default() } else { progress::listener(&self.environment) };
        Cache::with(Path::new("."), self.environment.clone(), &self.overrides(), progress)
    }

    /// The cache whose events belong to the run `id`. Lines tell how far its fetches are: the terminal is the
    /// command's to draw on.
    pub(crate) fn cache_for_run(&self, id: &str) -> Result<Cache> {
        let progress = if self.global.quiet { Progress::default() } else { Progress::plain(notice::warn) };
        let environment = self.environment.with(environment::RUN, id);
        Cache::with(Path::new("."), environment, &self.overrides(), progress)
    }

    /// What the command line says about the settings.
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides {
            config: self.global.config.clone(),
            offline: self.global.offline.then_some(true),
            variants: self.global.variant.clone(),
        }
    }

    pub(crate) fn wants_json(&self) -> bool {
        self.global.json
    }

    pub(crate) fn is_verbose(&self) -> bool {
        self.global.verbose
    }

    /// Prints one JSON document.
    pub(crate) fn json(&self, document: &impl Serialize) -> Result<()> {
        let text =
            serde_json::to_string_pretty(document).map_err(|error| Error::io("write to", "stdout")(error.into()))?;
        self.out(&text)
    }

    /// Prints a line of data.
    #[expect(clippy::unused_self, reason = "every word of a command goes through its context")]
    pub(crate) fn out(&self, text: &str) -> Result<()> {
        match writeln!(anstream::stdout(), "{text}") {
            // `| head` has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(Error::io("write to", "stdout")),
        }
    }

    /// Says something that is not data.
    pub(crate) fn say(&self, text: &str) {
        self.show(&wrap::for_stderr(text, 0));
    }

    /// Shows what is no data, and is laid out already.
    pub(crate) fn show(&self, text: &str) {
        if !self.global.quiet {
            let _ = writeln!(anstream::stderr(), "{text}");
        }
    }

    pub(crate) fn error(&self, error: &Error) {
        self.failure(&error.to_string(), error.hint().as_deref());
    }

    #[expect(clippy::unused_self, reason = "every word of a command goes through its context")]
    pub(crate) fn failure(&self, message: &str, hint: Option<&str>) {
        let (red, cyan, reset) = ("\x1b[1;31m", "\x1b[36m", "\x1b[0m");
        let mut stderr = anstream::stderr();
        let _ = writeln!(stderr, "{red}error{reset}: {}", wrap::for_stderr(message, 7));
        if let Some(hint) = hint {
            let _ = writeln!(stderr, "{cyan}hint{reset}: {}", wrap::for_stderr(hint, 6));
        }
    }

    /// Whether somebody is there to answer.
    pub(crate) fn can_ask(&self) -> bool {
        !self.global.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Says what belongs to a question.
    #[expect(clippy::unused_self, reason = "every word of a command goes through its context")]
    pub(crate) fn ask(&self, text: &str) {
        let _ = write!(anstream::stderr(), "{text}");
    }

    /// What a person answers to `question`; empty at the end of the input.
    pub(crate) fn answer(&self, question: &str) -> Result<String> {
        self.ask(question);
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).map_err(Error::io("read from", "stdin"))?;
        Ok(answer.trim().to_owned())
    }

    /// Whether to go on with something that cannot be undone.
    ///
    /// # Errors
    ///
    /// Outside a terminal, where nobody can answer, `--yes` is needed.
    pub(crate) fn confirm(&self, yes: bool, question: &str) -> Result<bool> {
        if yes {
            return Ok(true);
        }
        if !self.can_ask() {
            let message = format!("needed where nobody can answer \"{question}\"; `--dry-run` tells what would go");
            return Err(Error::Setting { name: "--yes".to_owned(), message });
        }
        self.affirmed(question)
    }

    /// Whether a person says yes.
    pub(crate) fn affirmed(&self, question: &str) -> Result<bool> {
        Ok(matches!(self.answer(&format!("{question} [y/N] "))?.as_str(), "y" | "Y" | "yes"))
    }
}

/// A path for a JSON document, which is text: what is no text shows as a replacement character.
pub(super) fn lossy<S: serde::Serializer>(path: &Path, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}
