//! Owns reading Rust with syn: the paths that a file names, its imports, items, doc comments and struct literals. Comments
//! and strings name nothing: a room may be spoken of, not used.

use super::source::{By, Doc, Function, Literal, Named, Source, Use, absolute};
use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, Expr, Ident, ItemMod, ItemUse, Lit, Meta, ReceiverKind, Signature, UseTree, Visibility,
    visit::{self, Visit},
};

/// Reads the text of a source into the rest of it.
pub(super) fn read(source: Source) -> Source {
    let file = syn::parse_file(&source.text).unwrap_or_else(|why| panic!("{}: {why}", source.path));
    let module = source.module.clone();
    let mut reader =
        Reader { source, module, raw: Vec::new(), for_tests: false, in_function: false, about: String::new() };
    reader.items(&file.items);
    reader.visit_file(&file);
    let Reader { mut source, raw, .. } = reader;
    for Raw { parts, module, for_tests } in raw {
        if let Some(parts) = source.resolve(&module, &parts) {
            source.named.push(Named { parts, by: By::Code, for_tests });
        }
    }
    source
}

/// A path of code before the imports of its file are known.
struct Raw {
    parts: Vec<String>,
    module: Vec<String>,
    for_tests: bool,
}

struct Reader {
    source: Source,
    module: Vec<String>,
    raw: Vec<Raw>,
    for_tests: bool,
    in_function: bool,
    /// The type that fields, variants and methods belong to.
    about: String,
}

impl Reader {
    /// Notes the names that the file itself defines.
    fn items(&mut self, items: &[syn::Item]) {
        for item in items {
            let name = match item {
                syn::Item::Const(item) => Some(&item.ident),
                syn::Item::Enum(item) => Some(&item.ident),
                syn::Item::Fn(item) => Some(&item.sig.ident),
                syn::Item::Macro(item) => item.ident.as_ref(),
                syn::Item::Mod(item) => Some(&item.ident),
                syn::Item::Static(item) => Some(&item.ident),
                syn::Item::Struct(item) => Some(&item.ident),
                syn::Item::Trait(item) => Some(&item.ident),
                syn::Item::Type(item) => Some(&item.ident),
                _ => None,
            };
            self.source.items.extend(name.map(Ident::to_string));
        }
    }

    fn name(&mut self, parts: Vec<String>) {
        self.raw.push(Raw { parts, module: self.module.clone(), for_tests: self.for_tests });
    }

    /// The branches of a `use`, all of which begin with `parts`.
    fn tree(&mut self, tree: &UseTree, mut parts: Vec<String>, by: By) {
        let (ident, bound) = match tree {
            UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.tree(item, parts.clone(), by));
                return;
            }
            UseTree::Path(path) => {
                parts.push(path.ident.to_string());
                return self.tree(&path.tree, parts, by);
            }
            UseTree::Glob(_) => {
                let parts = [self.full(&parts), vec!["*".to_owned()]].concat();
                self.source.named.push(Named { parts, by, for_tests: self.for_tests });
                return;
            }
            UseTree::Name(name) => (&name.ident, None),
            UseTree::Rename(rename) => (&rename.ident, Some(&rename.rename)),
        };
        parts.push(ident.to_string());
        let path = self.full(&parts);
        let name = bound.map(Ident::to_string).or_else(|| path.last().cloned()).unwrap_or_default();
        self.source.imports.entry(self.module.clone()).or_default().insert(name, path.clone());
        self.source.named.push(Named { parts: path, by, for_tests: self.for_tests });
    }

    /// The full path behind one that is imported.
    fn full(&self, parts: &[String]) -> Vec<String> {
        let is_own =
            self.module == self.source.module && parts.first().is_some_and(|first| self.source.items.contains(first));
        if is_own { [&self.module, parts].concat() } else { absolute(&self.module, parts) }
    }

    /// The paths in the tokens of a macro, which syn leaves as they are.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut colons, mut dots) = (0, 0);
        for token in tokens {
            match &token {
                TokenTree::Ident(ident) if colons == 2 && !path.is_empty() => path.push(ident.to_string()),
                TokenTree::Ident(ident) => {
                    self.end(&mut path);
                    // A field or a method, unless the dot is a range's.
                    if dots != 1 {
                        path.push(ident.to_string());
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Punct(punct) => {
                    self.end(&mut path);
                    dots = if punct.as_char() == '.' { dots + 1 } else { 0 };
                    colons = 0;
                    continue;
                }
                TokenTree::Group(group) => {
                    self.end(&mut path);
                    self.tokens(group.stream());
                }
                TokenTree::Literal(_) => self.end(&mut path),
            }
            (colons, dots) = (0, 0);
        }
        self.end(&mut path);
    }

    fn end(&mut self, path: &mut Vec<String>) {
        if !path.is_empty() {
            self.name(std::mem::take(path));
        }
    }

    fn doc(&mut self, attributes: &[Attribute], name: &str) {
        let lines: Vec<_> = attributes.iter().filter_map(doc_line).collect();
        if !lines.is_empty() {
            let text = lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n");
            self.source.docs.push(Doc { text, about: name.to_owned() });
        }
    }

    /// Goes through what belongs to a type.
    fn within(&mut self, name: String, visit: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.about, name);
        visit(self);
        self.about = outer;
    }

    /// Goes through an item that may be there for tests alone.
    fn tested(&mut self, attributes: &[Attribute], visit: impl FnOnce(&mut Self)) {
        let outer = self.for_tests;
        self.for_tests |= attributes.iter().any(is_for_tests);
        visit(self);
        self.for_tests = outer;
    }

    fn function(&mut self, attributes: &[Attribute], signature: &Signature) {
        let name = signature.ident.to_string();
        self.doc(attributes, &name);
        let receiver = signature.receiver().map(|receiver| &receiver.kind);
        let takes_mut_self = matches!(receiver, Some(ReceiverKind::Reference(_, _, Some(_))));
        self.source.functions.push(Function { name, takes_mut_self });
    }
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    let Expr::Lit(literal) = &pair.value else { return None };
    match &literal.lit {
        Lit::Str(text) if attribute.path().is_ident("doc") => Some(text.value()),
        _ => None,
    }
}

fn is_for_tests(attribute: &Attribute) -> bool {
    match &attribute.meta {
        Meta::List(list) => {
            list.path.is_ident("cfg") && list.tokens.clone().into_iter().any(|token| token.to_string() == "test")
        }
        Meta::Path(path) => path.is_ident("test"),
        Meta::NameValue(_) => false,
    }
}

/// The literals of an attribute that may be a path in code, as in `#[serde(with = "super::time")]`.
fn paths_in_text(tokens: TokenStream, found: &mut Vec<Vec<String>>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => paths_in_text(group.stream(), found),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                let text = text.trim_matches('"');
                let is_path =
                    text.contains("::") && !text.contains(|part: char| !part.is_alphanumeric() && !"_:".contains(part));
                if is_path {
                    found.push(text.split("::").map(str::to_owned).collect());
                }
            }
            _ => {}
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
            let mut found = Vec::new();
            paths_in_text(list.tokens.clone(), &mut found);
            found.into_iter().for_each(|parts| self.name(parts));
        }
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_block(&mut self, block: &'ast syn::Block) {
        let outer = std::mem::replace(&mut self.in_function, true);
        visit::visit_block(self, block);
        self.in_function = outer;
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.name(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.visit_path(&called.path);
        self.tokens(called.tokens.clone());
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.tested(&item.attrs, |this| {
            let by = if matches!(item.vis, Visibility::Inherited) { By::Import } else { By::Reexport };
            this.tree(&item.tree, Vec::new(), by);
        });
        let root = match &item.tree {
            UseTree::Path(path) => Some(path.ident.to_string()),
            UseTree::Name(name) => Some(name.ident.to_string()),
            _ => None,
        };
        if item.attrs.is_empty() && !self.in_function {
            let visibility = match item.vis {
                Visibility::Public(_) => "pub",
                Visibility::Restricted(_) => "pub(…)",
                Visibility::Inherited => "",
            };
            self.source.uses.push(Use { module: self.module.clone(), visibility, root });
        }
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.source.named.push(Named { parts: vec![item.ident.to_string()], by: By::Import, for_tests: false });
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.doc(&item.attrs, &item.ident.to_string());
        self.tested(&item.attrs, |this| {
            this.module.push(item.ident.to_string());
            visit::visit_item_mod(this, item);
            this.module.pop();
        });
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.attrs, &item.sig);
        self.tested(&item.attrs, |this| visit::visit_item_fn(this, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.attrs, &item.sig);
        self.tested(&item.attrs, |this| visit::visit_impl_item_fn(this, item));
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.function(&item.attrs, &item.sig);
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let name = match &*item.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        };
        self.tested(&item.attrs, |this| {
            this.within(name.unwrap_or_default(), |this| visit::visit_item_impl(this, item));
        });
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        let name = item.ident.to_string();
        self.doc(&item.attrs, &name);
        self.within(name, |this| visit::visit_item_trait(this, item));
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        let name = item.ident.to_string();
        self.doc(&item.attrs, &name);
        self.within(name, |this| visit::visit_item_struct(this, item));
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        let name = item.ident.to_string();
        self.doc(&item.attrs, &name);
        self.within(name, |this| visit::visit_item_enum(this, item));
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.doc(&item.attrs, &item.ident.to_string());
        visit::visit_item_const(self, item);
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.doc(&item.attrs, &item.ident.to_string());
        visit::visit_item_static(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.doc(&item.attrs, &item.ident.to_string());
        visit::visit_item_type(self, item);
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.doc(&item.attrs, &item.ident.to_string());
        visit::visit_impl_item_const(self, item);
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        self.doc(&field.attrs, &field.ident.as_ref().map_or_else(String::new, Ident::to_string));
        visit::visit_field(self, field);
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        // Many a variant's name is a sentence, of which the doc comment is the words.
        let name = format!("{}::{}", self.about, variant.ident);
        self.within(name, |this| visit::visit_variant(this, variant));
    }

    fn visit_expr_struct(&mut self, literal: &'ast syn::ExprStruct) {
        let last = literal.path.segments.last().map(|last| &last.ident);
        if let Some(last) = last {
            let name = if last == "Self" { self.about.clone() } else { last.to_string() };
            self.source.literals.push(Literal { name, fields: literal.fields.len() });
        }
        visit::visit_expr_struct(self, literal);
    }
}
