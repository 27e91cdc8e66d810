//! The macro that makes the typed settings and their table out of one list, so that a directive is written down once.

pub use super::table::Settings;

/// Turns the list in `table.rs` into `struct Settings`, its `Default`, and `WORKING`, the entries of the table.
///
/// An entry is its doc comment and one line:
/// `field: type = default, "name", Section, Change, rule;`, with `, bounds` behind the rule if it bounds what peers can make
/// grow: then a test must exceed it, whose name begins with `p11_` and holds the field's name. Last comes `=> effect` where
/// a change means more than another value.
/// `or "older-name"` behind the name is an older one for the same value.
/// The doc comment becomes the documentation of the field and the text of the example file.
macro_rules! directives {
    (@alias) => { None };
    (@alias $alias:literal) => { Some($alias) };
    (@bounds) => { false };
    (@bounds bounds) => { true };
    ($(
        $(#[doc = $doc:literal])+
        $field:ident: $type:ty = $default:expr, $name:literal $(or $alias:literal)?, $section:ident, $change:ident, $rule:expr $(, $mark:ident)?
            $(=> $effect:expr)?;
    )+) => {
        /// The values of all directives that have an effect, typed. A field's name is the directive's name with `_` for
        /// `-`. `Default` is the table's defaults.
        #[derive(Clone, Debug)]
        pub struct Settings {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        /// Directives that have an effect, in the order of the example file.
        pub(super) static WORKING: &[Param] = &[$(Param {
            name: $name,
            alias: directives!(@alias $($alias)?),
            section: Section::$section,
            change: Change::$change,
            effect: const { [$($effect,)? Effect::None][0] },
            doc: &[$($doc),+],
            sensitive: <$type as Value>::SENSITIVE,
            several: <$type as Value>::SEVERAL,
            sample: <$type as Value>::SAMPLE,
            rule: $rule,
            bounds: directives!(@bounds $($mark)?),
            expects: <$type as Value>::expects,
            only_default: None,
            store: Store::Setting {
                get: |settings| settings.$field.show(),
                lines: |settings| settings.$field.lines(),
                set: |settings, given| {
                    settings.$field = Value::parse(given, &settings.$field)?;
                    Ok(())
                },
                copy: |settings, others| settings.$field.clone_from(&others.$field),
            },
        }),+];
    };
}
pub(super) use directives;
