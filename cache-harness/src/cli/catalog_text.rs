//! The text of a catalog, edited so that everything else in it stays as its authors wrote it.

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, value};

use crate::error::{Error, Result};
use crate::model::ModelName;

/// The text of a catalog that nobody wrote yet.
pub(super) const NEW: &str = "\
# The models that the tests of this project need. `cache-harness add`, `remove` and `lock` keep this file and
# `cache-harness.lock` beside it, which pins the bytes: commit both. Paths are relative to this file.

[cache]
# dir = \".cache/models\"       # default: the user's cache directory, shared by all projects
# max_size = \"2GB\"            # what all models together may take of the disk; \"2GiB\" is 2^30
# max_age = \"7d\"              # unused for longer: may go; or \"never\"
# min_free_disk = \"1GB\"       # models go rather than leave less of the disk
# verify = \"memo\"             # or \"always\": hash at each use
# offline = false             # true: open no connection
# strict_budget = false       # true: fail rather than exceed max_size by models in use
# when_unusable = \"bypass\"    # the cache folder cannot be used: fetch past it; or \"fail\"

# Where the files of a kind of consumer go; default: where it looks by itself.
# [providers.huggingface]
# root = \".cache/huggingface\"

# Other caches of the project: reported, cleaned, expired, but never evicted for models.
# [application_caches.NAME]
# path = \"out/cache\"
# max_age = \"90d\"
";

/// What stands in a model's block.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) source: Source,
    pub(super) provider: Option<&'static str>,
    pub(super) hub_id: Option<String>,
    /// Whether it is of a variant that has the tensors and inputs of its model.
    pub(super) stand_in: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Source {
    /// A repository, its revision, if it is not the default, and what is wanted of it.
    Hub(String, Option<String>, Vec<String>),
    Path(String),
    Urls(Vec<String>),
    /// The name of a built-in model.
    Builtin(String),
    /// The addresses of an archive, and what is wanted of it.
    Archive(Vec<String>, Vec<String>),
}

/// `text` with a block for `name` after those of the other models; that of a variant comes after its model's.
pub(super) fn insert(text: &str, name: &ModelName, block: &Block) -> Result<String> {
    let mut document = parse(text)?;
    let table = block.table();
    let goes_last = goes_last(&mut document, name);
    let (family, key) = family(&mut document, name)?;
    match family {
        Item::Table(family) => family.insert(key, Item::Table(table)),
        other => {
            let family = other.as_table_like_mut().ok_or_else(|| unexpected("`models` is no table"))?;
            family.insert(key, value(table.into_inline_table()))
        }
    };
    if goes_last {
        keep_the_end_above(&mut document, name)?;
    }
    Ok(document.to_string())
}

impl Block {
    fn table(&self) -> Table {
        let mut table = Table::new();
        match &self.source {
            Source::Hub(repo, revision, files) => {
                table.insert("hub", value(repo));
                if let Some(revision) = revision {
                    table.insert("revision", value(revision));
                }
                if !files.is_empty() {
                    table.insert("files", value(files.iter().collect::<Array>()));
                }
            }
            Source::Path(path) => drop(table.insert("path", value(path))),
            Source::Builtin(name) => drop(table.insert("builtin", value(name))),
            Source::Urls(urls) => drop(table.insert("urls", value(urls.iter().collect::<Array>()))),
            Source::Archive(urls, files) => {
                table.insert("urls", value(urls.iter().collect::<Array>()));
                table.insert("unpack", value(true));
                if !files.is_empty() {
                    table.insert("files", value(files.iter().collect::<Array>()));
                }
            }
        }
        if let Some(provider) = self.provider {
            table.insert("provider", value(provider));
        }
        if let Some(hub_id) = &self.hub_id {
            table.insert("hub_id", value(hub_id));
        }
        if self.stand_in {
            table.insert("stand_in", value(true));
        }
        table
    }
}

/// Whether no header will follow the block of `name`.
fn goes_last(document: &mut DocumentMut, name: &ModelName) -> bool {
    let last = last_position(document.as_table_mut());
    match (document.get_mut("models"), name.variant()) {
        (None, _) => true,
        (Some(Item::Table(models)), None) => models.is_empty() || last_position(models) == last,
        (Some(Item::Table(models)), Some(_)) => match models.get_mut(name.model()) {
            Some(Item::Table(model)) => model.position().max(last_position(model)) == last,
            _ => false,
        },
        _ => false,
    }
}

/// The table that the block of `name` is in, made if need be, and the block's key there.
fn family<'d, 'n>(document: &'d mut DocumentMut, name: &'n ModelName) -> Result<(&'d mut Item, &'n str)> {
    let models = document.entry("models").or_insert_with(|| Item::Table(without_header()));
    let Some(variant) = name.variant() else { return Ok((models, name.as_str())) };
    let model = models.as_table_like_mut().and_then(|models| models.get_mut(name.model()));
    let model = model.ok_or_else(|| unexpected("the model of the variant is not declared"))?;
    let made = if model.is_table() { Item::Table(without_header()) } else { value(InlineTable::new()) };
    let model = model.as_table_like_mut().ok_or_else(|| unexpected("the model is no table"))?;
    Ok((model.entry("variants").or_insert(made), variant))
}

fn without_header() -> Table {
    let mut table = Table::new();
    table.set_implicit(true);
    table
}

/// Puts the comments at the end of the file above the new block: they belong to what they follow.
fn keep_the_end_above(document: &mut DocumentMut, name: &ModelName) -> Result<()> {
    let end = document.trailing().as_str().unwrap_or_default().trim_end().to_owned();
    let (family, key) = family(document, name)?;
    if let Some(Item::Table(table)) = family.get_mut(key)
        && !end.is_empty()
    {
        table.decor_mut().set_prefix(format!("{end}\n\n"));
        document.set_trailing("");
    }
    Ok(())
}

fn last_position(table: &mut Table) -> Option<isize> {
    let mut last = None;
    each_table(table, &mut |table| last = last.max(table.position()));
    last
}

/// `text` without the block of `name`, those of its variants, and the comments right above them.
pub(super) fn remove(text: &str, name: &ModelName) -> Result<String> {
    let mut document = parse(text)?;
    let (family, key) = family(&mut document, name)?;
    let removed = family.as_table_like_mut().and_then(|family| family.remove(key));
    if let Some(Item::Table(mut removed)) = removed {
        let mut above = Vec::new();
        let mut gather = |table: &mut Table| {
            let prefix = table.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
            above.push((table.position(), paragraphs_before_the_last(prefix).to_owned()));
        };
        gather(&mut removed);
        each_table(&mut removed, &mut gather);
        // The last first: each comment comes to stand above those that followed it.
        above.sort();
        for (position, others) in above.into_iter().rev().filter(|(_, others)| !others.trim().is_empty()) {
            hand_on(&mut document, position, &others);
        }
    }
    Ok(document.to_string())
}

/// What stands above a header without belonging to it: the lines up to the last empty one.
fn paragraphs_before_the_last(above: &str) -> &str {
    let own = above.lines().rev().take_while(|line| !line.trim().is_empty()).map(str::len);
    let own: usize = own.map(|bytes| bytes + 1).sum();
    above[..above.len().saturating_sub(own)].trim_end()
}

/// Puts `comment` above the first table after `position`, or at the end.
fn hand_on(document: &mut DocumentMut, position: Option<isize>, comment: &str) {
    let mut positions = Vec::new();
    each_table(document.as_table_mut(), &mut |table| positions.extend(table.position()));
    let next = positions.into_iter().filter(|other| Some(*other) > position).min();
    let Some(next) = next else {
        let trailing = document.trailing().as_str().unwrap_or_default().to_owned();
        document.set_trailing(format!("{comment}\n{trailing}"));
        return;
    };
    each_table(document.as_table_mut(), &mut |table| {
        if table.position() == Some(next) {
            let above = table.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default().to_owned();
            table.decor_mut().set_prefix(format!("{comment}\n{above}"));
        }
    });
}

/// Visits the tables that have a header.
fn each_table(table: &mut Table, visit: &mut dyn FnMut(&mut Table)) {
    for (_, item) in table.iter_mut() {
        match item {
            Item::Table(table) => {
                if !table.is_implicit() && !table.is_dotted() {
                    visit(table);
                }
                each_table(table, visit);
            }
            Item::ArrayOfTables(tables) => tables.iter_mut().for_each(|table| {
                visit(table);
                each_table(table, visit);
            }),
            Item::None | Item::Value(_) => {}
        }
    }
}

fn parse(text: &str) -> Result<DocumentMut> {
    text.parse().map_err(|error: toml_edit::TomlError| unexpected(error.message()))
}

fn unexpected(message: &str) -> Error {
    Error::Setting { name: "cache-harness.toml".to_owned(), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> Block {
        Block { source: Source::Path(path.to_owned()), provider: None, hub_id: None, stand_in: false }
    }

    fn inserted(text: &str, name: &str) -> String {
        insert(text, &name.parse().unwrap(), &file("x")).unwrap()
    }

    fn removed(text: &str, name: &str) -> String {
        remove(text, &name.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_block_is_added_after_the_other_models_and_nothing_else_changes() {
        let text = "# top\n[models.b]   # b\npath = 'b'\n\n# far\n[remote]\nurl = 'https://r.example' # r\n# end\n";
        assert_eq!(
            inserted(text, "a.b"),
            "# top\n[models.b]   # b\npath = 'b'\n\n[models.\"a.b\"]\npath = \"x\"\n\n# far\n[remote]\nurl = 'https://r.example' # r\n# end\n"
        );
        assert_eq!(inserted("", "a"), "[models.a]\npath = \"x\"\n");
        assert_eq!(inserted("[cache]\n# dir = 1\n", "a"), "[cache]\n# dir = 1\n\n[models.a]\npath = \"x\"\n");
        assert_eq!(inserted("models = {}\n", "a"), "models = { a = { path = \"x\" } }\n");
    }

    #[test]
    fn removing_takes_the_comment_right_above_and_leaves_the_others() {
        let text =
            "# the project\n\n# a's\n[models.a]\npath = 'a'\n# still a's\n\n# b's\n[models.b]\npath = 'b'\n# end\n";
        assert_eq!(removed(text, "a"), "# the project\n# still a's\n\n# b's\n[models.b]\npath = 'b'\n# end\n");
        assert_eq!(removed(text, "b"), "# the project\n\n# a's\n[models.a]\npath = 'a'\n# still a's\n# end\n");
        assert_eq!(removed("models.a.path = 'a'\nmodels.b.path = 'b' # b\n", "a"), "models.b.path = 'b' # b\n");
        assert_eq!(
            removed("models = { a = { path = 'a' }, b = { path = 'b' } }\n", "a"),
            "models = { b = { path = 'b' } }\n"
        );
    }

    #[test]
    fn the_block_of_a_variant_follows_its_model_and_goes_with_it() {
        let text = "# a\n[models.a]\npath = 'a'\n\n[models.b]\npath = 'b'\n# end\n";
        let with =
            "# a\n[models.a]\npath = 'a'\n\n[models.a.variants.q5]\npath = \"x\"\n\n[models.b]\npath = 'b'\n# end\n";
        assert_eq!(inserted(text, "a@q5"), with);
        assert_eq!(removed(with, "a@q5"), text);
        assert_eq!(removed(with, "a"), "\n[models.b]\npath = 'b'\n# end\n");
        assert_eq!(removed(&inserted(with, "a@q8"), "a@q8"), with);
        assert_eq!(
            inserted(text, "b@q5"),
            "# a\n[models.a]\npath = 'a'\n\n[models.b]\npath = 'b'\n# end\n\n[models.b.variants.q5]\npath = \"x\"\n"
        );
        let apart = "[models.a]\npath = 'a'\n\n# far\n\n# own\n[models.a.variants.q5]\npath = 'x'\n\n[cache]\n";
        assert_eq!(removed(apart, "a"), "\n# far\n\n[cache]\n");
        assert_eq!(
            inserted("models = { a = { path = 'a' } }\n", "a@q5"),
            "models = { a = { path = 'a' , variants = { q5 = { path = \"x\" } } } }\n"
        );
    }

    #[test]
    fn adding_and_removing_gives_the_text_back() {
        let text = "# top\n\n[models.b]\npath = 'b'\n";
        assert_eq!(removed(&inserted(text, "a"), "a"), text);
    }
}
