//! SVG to PNG with fonts that come with the program: the same picture on a machine without any.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::{Database, Source};
use resvg::usvg::{FontResolver, Options, Tree};

use super::Error;
use super::svg::SYMBOLS;

/// Ubuntu Light for text; Hack for the few symbols that it lacks. System fonts are never looked at.
static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    for font in [epaint_default_fonts::UBUNTU_LIGHT, epaint_default_fonts::HACK_REGULAR] {
        fonts.load_font_source(Source::Binary(Arc::new(font)));
    }
    fonts.set_sans_serif_family("Ubuntu");
    Arc::new(fonts)
});

/// The PNG of `svg` at `scale` pixels per CSS pixel. `figure` names it in errors.
pub(super) fn png(figure: &str, svg: &str, scale: f32) -> Result<Vec<u8>, Error> {
    let failed = |reason: String| Error::Raster { figure: figure.to_owned(), reason };
    // A line with one symbol that Ubuntu lacks would be set in Hack as a whole. The symbols of a figure name their own
    // font, so another font is looked for only where a character is missing from it.
    let elsewhere = FontResolver::default_fallback_selector();
    let font_resolver = FontResolver {
        select_font: FontResolver::default_font_selector(),
        select_fallback: Box::new(
            move |c, tried, fonts| {
                if SYMBOLS.contains(c) { None } else { elsewhere(c, tried, fonts) }
            },
        ),
    };
    let font_family = "Ubuntu".to_owned();
    let options = Options { fontdb: FONTS.clone(), font_family, font_resolver, ..Options::default() };
    let tree = Tree::from_str(svg, &options).map_err(|e| failed(e.to_string()))?;
    let size = tree.size();
    let (width, height) = ((size.width() * scale).ceil() as u32, (size.height() * scale).ceil() as u32);
    let mut pixels = Pixmap::new(width, height)
        .ok_or_else(|| failed(format!("{width} × {height} pixels do not fit in memory")))?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(|e| failed(e.to_string()))
}
