//! Parts of a page that come and go in the browser alone.
//!
//! Leptos writes out, for each view type, how to build it, how to render it as HTML and how to take it over from
//! HTML. Most of what islands show is never in the server's HTML, so two of the three are dead weight, and the third
//! is needed once per type and not once per place. What goes through here is only ever built, and every place
//! that shows it has the same type. It took a fifth off the bundle.

use leptos::prelude::*;
use leptos::tachys::html::attribute::any_attribute::AnyAttribute;
use leptos::tachys::hydration::Cursor;
use leptos::tachys::no_attrs;
use leptos::tachys::renderer::types::{Element, Node};
use leptos::tachys::view::{Mountable, Position, PositionState, Render, RenderHtml};

/// A place for what appears later: nothing at first, on the server and in the browser alike.
pub fn slot(
    content: impl Fn() -> Option<Later> + Send + 'static,
) -> Box<dyn FnMut() -> Option<Later> + Send> {
    Box::new(content)
}

/// Something to show in a [`slot()`].
pub fn later<V: IntoView + 'static>(view: impl FnOnce() -> V + Send + 'static) -> Later
where
    V::State: 'static,
{
    Later(Box::new(move || Shown(Box::new(view().build()))))
}

/// A paragraph of this class in a [`slot()`], if there is something to say.
pub fn paragraph(class: &'static str, words: Option<String>) -> Option<Later> {
    let words = words?;
    Some(later(move || view! { <p class=class>{words}</p> }))
}

/// Text that changes: one type for all of it.
pub fn text(words: impl Fn() -> String + Send + Sync + 'static) -> Signal<String> {
    Signal::derive(words)
}

/// Whether an attribute or a class is there: one type for all of them.
pub fn when(holds: impl Fn() -> bool + Send + Sync + 'static) -> Signal<bool> {
    Signal::derive(holds)
}

/// Does something now, and again whenever a signal that it reads changes. Only in browsers.
pub fn watch(act: impl Fn() + 'static) {
    fn start(act: Box<dyn Fn()>) {
        Effect::new(move |_| act());
    }
    start(Box::new(act));
}

/// A view that is built when it is shown.
pub struct Later(Box<dyn FnOnce() -> Shown + Send>);

/// What was built.
pub struct Shown(Box<dyn Mountable>);

impl Render for Later {
    type State = Shown;

    fn build(self) -> Shown {
        (self.0)()
    }

    fn rebuild(self, state: &mut Shown) {
        let mut new = self.build();
        state.insert_before_this(&mut new);
        state.unmount();
        *state = new;
    }
}

no_attrs!(Later);

impl RenderHtml for Later {
    type AsyncOutput = Self;
    type Owned = Self;

    const MIN_LENGTH: usize = 0;

    fn dry_resolve(&mut self) {}

    async fn resolve(self) -> Self {
        self
    }

    /// Nothing: see [`slot()`].
    fn to_html_with_buf(
        self,
        _buf: &mut String,
        _position: &mut Position,
        _escape: bool,
        _mark_branches: bool,
        _extra_attrs: Vec<AnyAttribute>,
    ) {
    }

    fn hydrate<const FROM_SERVER: bool>(self, _: &Cursor, _: &PositionState) -> Shown {
        self.build()
    }

    fn into_owned(self) -> Self {
        self
    }
}

impl Mountable for Shown {
    fn unmount(&mut self) {
        self.0.unmount();
    }

    fn mount(&mut self, parent: &Element, marker: Option<&Node>) {
        self.0.mount(parent, marker);
    }

    fn insert_before_this(&self, child: &mut dyn Mountable) -> bool {
        self.0.insert_before_this(child)
    }

    fn elements(&self) -> Vec<Element> {
        self.0.elements()
    }
}
