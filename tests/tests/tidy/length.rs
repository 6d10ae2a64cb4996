//! Functions and types of a parsed file, with their lengths.

use syn::visit::{self, Visit};

/// A function, from its signature to its closing brace.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) lines: usize,
}

/// What a file declares outside its tests.
#[derive(Default)]
pub(crate) struct Declared {
    pub(crate) functions: Vec<Function>,
    pub(crate) types: Vec<(String, usize)>,
}

impl Declared {
    pub(crate) fn of(file: &syn::File) -> Self {
        let mut declared = Self::default();
        declared.visit_file(file);
        declared
    }

    fn function(&mut self, name: &syn::Ident, body: &syn::Block) {
        let (from, to) = (name.span().start().line, body.brace_token.span.close().end().line);
        self.functions.push(Function { name: name.to_string(), line: from, lines: to - from + 1 });
    }

    fn named(&mut self, name: &syn::Ident) {
        self.types.push((name.to_string(), name.span().start().line));
    }
}

/// Standing under `#[cfg(test)]`.
fn is_test(attributes: &[syn::Attribute]) -> bool {
    let says_test = |a: &syn::Attribute| {
        a.path().is_ident("cfg") && a.parse_args::<syn::Path>().is_ok_and(|p| p.is_ident("test"))
    };
    attributes.iter().any(says_test)
}

impl<'ast> Visit<'ast> for Declared {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig.ident, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig.ident, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.function(&item.sig.ident, body);
        }
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.named(&item.ident);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.named(&item.ident);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.named(&item.ident);
        visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.named(&item.ident);
    }
}
