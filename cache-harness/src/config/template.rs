//! How the catalog describes the layout of a consumer that is not known here.
//!
//! | placeholder | stands for |
//! |---|---|
//! | `{root}` | the provider's root; once, at the start |
//! | `{name}` | the model's name in the catalog, with its `/` |
//! | `{path}` | the file's path inside the model, with its `/` |
//! | `{file}` | the file's own name |
//! | `{sha256}` | its digest |
//! | `{commit}` | the commit that is pinned; of a model without one, 40 digits made of its pins |
//! | `{hub_id}`, `{owner}`, `{repo}` | `owner/repo`, and its parts |

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::document::{Placed, Table};
use crate::error::{Error, Result};
use crate::model::{FilePath, ModelName};
use crate::pins::PinnedFile;
use crate::provider_kind::interned;
use crate::suggestion::{listed, nearest};

/// Where the files of a model go, and which variables say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
    /// The variables by which the consumer finds the root.
    pub(crate) variables: Vec<(&'static str, Value)>,
    /// The file that describes it, and line and column there.
    path: PathBuf,
    position: (usize, usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Hole(Hole),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hole {
    Name,
    Path,
    File,
    Sha256,
    Commit,
    HubId,
    Owner,
    Repo,
}

const HOLES: [(&str, Hole); 8] = [
    ("name", Hole::Name),
    ("path", Hole::Path),
    ("file", Hole::File),
    ("sha256", Hole::Sha256),
    ("commit", Hole::Commit),
    ("hub_id", Hole::HubId),
    ("owner", Hole::Owner),
    ("repo", Hole::Repo),
];

/// A variable's value, in which `{root}` stands for the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value(Vec<String>);

impl Value {
    pub(crate) fn with_root(&self, root: &Path) -> PathBuf {
        let mut text = OsString::new();
        for (index, piece) in self.0.iter().enumerate() {
            if index > 0 {
                text.push(root);
            }
            text.push(piece);
        }
        text.into()
    }
}

impl Template {
    /// The template in a provider's table; `None` if it has no `layout`.
    pub(crate) fn read(table: &mut Table<'_>) -> Result<Option<Self>> {
        let layout = table.parsed("layout", parse_layout)?;
        let environment = table.table("env")?;
        let Some(Placed { value: pieces, place }) = layout else {
            return match environment {
                Some(environment) => {
                    Err(table.malformed(environment.place(), format!("`env` {} needs a `layout`", table.label()), None))
                }
                None => Ok(None),
            };
        };
        let mut variables = Vec::new();
        for (name, text) in environment.map(Table::named_strings).transpose()?.unwrap_or_default() {
            let wrong = |message| table.malformed(name.place, format!("`env` {}: {message}", table.label()), None);
            variables
                .push((interned(variable_name(name.value).map_err(wrong)?), parse_value(text.value).map_err(wrong)?));
        }
        let (path, position) = (table.path().to_owned(), table.position(place));
        Ok(Some(Self { pieces, variables, path, position }))
    }

    /// Where a file belongs, below the root.
    pub(crate) fn path(
        &self,
        name: &ModelName,
        hub_id: Option<&str>,
        commit: Option<&str>,
        file: &PinnedFile,
    ) -> Result<String> {
        let lacks = |what: &str, remedy: &str| self.wrong_with(&format!("`{name}` has no {what}"), Some(remedy));
        let hub_id = || hub_id.ok_or_else(|| lacks("repository", "set `hub_id = \"owner/name\"` for it"));
        let mut text = String::new();
        for piece in &self.pieces {
            let hole = match piece {
                Piece::Text(plain) => {
                    text.push_str(plain);
                    continue;
                }
                Piece::Hole(hole) => hole,
            };
            match hole {
                Hole::Name => text.push_str(name.as_str()),
                Hole::Path => text.push_str(file.path.as_str()),
                Hole::File => text.push_str(file.path.name()),
                Hole::Sha256 => text.push_str(&file.sha256.to_string()),
                Hole::Commit => text.push_str(commit.ok_or_else(|| lacks("commit", "use another placeholder"))?),
                Hole::HubId => text.push_str(hub_id()?),
                Hole::Owner => {
                    let (owner, _) = hub_id()?.split_once('/').ok_or_else(|| lacks("owner", "use `{hub_id}`"))?;
                    text.push_str(owner);
                }
                Hole::Repo => text.push_str(hub_id()?.rsplit('/').next().unwrap_or_default()),
            }
        }
        Ok(text)
    }

    /// What is wrong with it, at its line.
    pub(crate) fn wrong(&self, message: &str) -> Error {
        self.wrong_with(message, Some("`{path}` keeps the files of a model apart"))
    }

    fn wrong_with(&self, message: &str, hint: Option<&str>) -> Error {
        let (line, column) = self.position;
        let message = format!("`layout`: {message}");
        Error::Malformed { path: self.path.clone(), line, column, message, hint: hint.map(Into::into) }
    }
}

fn parse_layout(text: &str) -> Result<Vec<Piece>, String> {
    let below = text.strip_prefix("{root}/").ok_or("must begin with `{root}/`: nothing is put anywhere else")?;
    let mut pieces = Vec::new();
    let mut sample = String::new();
    let mut rest = below;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or_else(|| format!("`{text}` has `{{` without `}}`"))?;
        pieces.push(plain(before)?);
        pieces.push(Piece::Hole(hole(name)?));
        sample.push_str(before);
        sample.push('x');
        rest = after;
    }
    pieces.push(plain(rest)?);
    sample.push_str(rest);
    sample.parse::<FilePath>().map_err(|_| {
        format!(
            "`{text}`: between `/` stands a name, which is not `.` or `..` and has no `\\`, `:` or control character"
        )
    })?;
    let tells_files_apart = |piece: &Piece| matches!(piece, Piece::Hole(Hole::Path | Hole::File | Hole::Sha256));
    if !pieces.iter().any(tells_files_apart) && !text.contains("{name}") {
        return Err(format!(
            "`{text}` would put every file of every model at one place: use `{{name}}` and `{{path}}`"
        ));
    }
    Ok(pieces)
}

fn plain(text: &str) -> Result<Piece, String> {
    if text.contains('}') {
        return Err(format!("`{text}` has `}}` without `{{`"));
    }
    Ok(Piece::Text(text.to_owned()))
}

fn hole(name: &str) -> Result<Hole, String> {
    if name == "root" {
        return Err("`{root}` stands once, at the start".into());
    }
    HOLES.iter().find(|(known, _)| *known == name).map(|(_, hole)| *hole).ok_or_else(|| {
        let known = HOLES.iter().map(|(known, _)| *known);
        let help = if let Some(near) = nearest(name, known.clone()) {
            format!("did you mean `{{{near}}}`?")
        } else {
            let known: Vec<String> = known.map(|known| format!("{{{known}}}")).collect();
            format!("it can have {}", listed(known.iter().map(String::as_str)))
        };
        format!("`{{{}}}` is no placeholder: {help}", name.escape_debug())
    })
}

fn variable_name(name: &str) -> Result<&str, String> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(word) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!("`{}` is no name of a variable: letters, digits and `_` are", name.escape_debug()));
    }
    Ok(name)
}

fn parse_value(text: &str) -> Result<Value, String> {
    let pieces: Vec<String> = text.split("{root}").map(ToOwned::to_owned).collect();
    if let Some(wrong) = pieces.iter().find(|piece| piece.contains(['{', '}', '\n', '\0'])) {
        return Err(format!("`{}`: a value has no placeholder but `{{root}}`, and is one line", wrong.escape_debug()));
    }
    Ok(Value(pieces))
}
