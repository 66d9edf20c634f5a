//! The report in a real browser: what its script adds, small screens, dark mode, print, and who reads by ear.
//!
//! They need `chromium` and `chromedriver` and say so where one is missing.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use tempfile::TempDir;

/// The page of a run that needs no data, made once.
fn page() -> &'static str {
    static PAGE: OnceLock<(TempDir, String)> = OnceLock::new();
    let (_, address) = PAGE.get_or_init(|| {
        let folder = TempDir::new().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["repro", "fig1", "fig5", "--out"])
            .arg(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let address = format!("file://{}", folder.path().join("report.html").display());
        (folder, address)
    });
    address
}

/// A browser with one window, by the WebDriver protocol.
struct Browser {
    driver: Child,
    session: String,
    _turn: MutexGuard<'static, ()>,
}

impl Browser {
    /// A window of this many pixels on the page; `None` where there is no browser.
    fn open(width: u32, height: u32) -> Option<Self> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let found = |program: &str| Command::new(program).arg("--version").output().is_ok();
        if !(found("chromium") && found("chromedriver")) {
            println!("SKIPPED: chromium and chromedriver are missing, the page was not opened in a browser");
            return None;
        }
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let mut browser = Self { driver, session: String::new(), _turn: turn };
        let address = format!("http://127.0.0.1:{}/session", port.expect("chromedriver tells its port"));
        let size = format!("--window-size={width},{height}");
        let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", &size];
        let capabilities = json!({
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let session = post(&address, &json!({ "capabilities": { "alwaysMatch": capabilities } }));
        browser.session = format!("{address}/{}", session["sessionId"].as_str().unwrap());
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        browser.devtools("Emulation.setDeviceMetricsOverride", metrics);
        browser.command("url", &json!({ "url": page() }));
        Some(browser)
    }

    fn command(&self, command: &str, body: &Value) -> Value {
        post(&format!("{}/{command}", self.session), body)
    }

    fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.command("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// What a function's body returns.
    fn run(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({ "script": script, "args": [] }))
    }

    fn number(&self, script: &str) -> f64 {
        self.run(script).as_f64().unwrap_or_else(|| panic!("no number: {script}"))
    }

    #[track_caller]
    fn holds(&self, script: &str) {
        assert_eq!(self.run(&format!("return {script}")), json!(true), "{script}");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let _ = ureq::delete(&self.session).call();
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn post(address: &str, body: &Value) -> Value {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.post(address).header("content-type", "application/json");
    let text = request.send(body.to_string()).unwrap().body_mut().read_to_string().unwrap();
    let mut answer: Value = serde_json::from_str(&text).unwrap();
    assert!(answer["value"]["error"].is_null(), "{address}: {}", answer["value"]);
    answer["value"].take()
}

#[test]
fn the_script_runs_without_a_message_and_the_choice_of_methods_is_one_for_all_figures() {
    let Some(browser) = Browser::open(1200, 900) else { return };
    let messages = browser.command("se/log", &json!({ "type": "browser" }));
    assert_eq!(messages, json!([]));
    let faded = "return [...document.querySelectorAll('.paper [stroke], .paper [fill]')]\
                 .filter((part) => part.style.opacity === '0.08').length";
    assert_eq!(browser.number(faded), 0.0);
    browser
        .run("[...document.querySelectorAll('#methods button')].find((b) => b.textContent === 'SP').click()");
    assert!(browser.number(faded) > 4.0, "SP stands in four panels at least");
    browser.holds("document.querySelector('#methods button').getAttribute('aria-pressed') === 'false'");
    browser.run("document.querySelector('#methods button').click()");
    assert_eq!(browser.number(faded), 0.0);
}

#[test]
fn tables_sort_by_number_and_by_name() {
    let Some(browser) = Browser::open(1200, 900) else { return };
    let press = "const table = document.querySelector('#fig1 .scroll table'); \
                 const press = (column) => table.tHead.rows[0].cells[column].querySelector('button').click(); \
                 const column = (k) => [...table.tBodies[0].rows].map((row) => row.cells[k].textContent);";
    let names = |script: &str| -> Vec<String> {
        serde_json::from_value(browser.run(&format!("{press} {script}"))).unwrap()
    };
    let methods = names("press(1); return column(1)");
    let mut sorted = methods.clone();
    sorted.sort_unstable();
    assert_eq!(methods, sorted);
    assert_ne!(methods.first(), methods.last());
    let turns = |script: &str| -> Vec<f64> {
        names(script).iter().map(|text| text.replace('−', "-").parse().unwrap()).collect()
    };
    let rising = turns("press(2); return column(2)");
    assert!(rising.is_sorted() && rising[0] < rising[rising.len() - 1], "{rising:?}");
    let falling = turns("press(2); return column(2)");
    assert!(falling.iter().rev().is_sorted());
    browser.holds(&format!(
        "(() => {{ {press} return table.tHead.rows[0].cells[2].ariaSort === 'descending'; }})()"
    ));
}

#[test]
fn the_pointer_shows_values_on_the_axes_of_its_panel() {
    let Some(browser) = Browser::open(1200, 900) else { return };
    // Panel (f): a point of the bound, where the angle is ε on both logarithmic axes.
    let told = browser.run(
        "const svg = document.querySelector('#fig1 .paper svg'); svg.scrollIntoView({ block: 'center' }); \
         const panel = [...svg.querySelectorAll('g[data-x]')].find((g) => g.ariaLabel.startsWith('(f)')); \
         const line = panel.querySelector('path[data-line=\"bound\"]'); \
         const [x, y] = line.getAttribute('d').match(/-?[\\d.]+/g).map(Number); \
         const place = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM()); \
         svg.dispatchEvent(new PointerEvent('pointermove', { clientX: place.x + 1, clientY: place.y - 1, bubbles: true })); \
         return document.querySelector('.tip').hidden ? '' : document.querySelector('.tip').textContent",
    );
    let told = told.as_str().unwrap();
    let numbers = told.split_once(": ").unwrap_or_else(|| panic!("no name in {told:?}")).1;
    let [x, y] = numbers
        .split_once(", ")
        .map(|(x, y)| [x, y].map(|n| n.replace('−', "-").parse::<f64>().unwrap()))
        .unwrap();
    assert!((x / 1e-4 - 1.0).abs() < 0.02 && (y / x - 1.0).abs() < 0.05, "{told}");
    browser.run("document.querySelector('#fig1 .paper svg').dispatchEvent(new PointerEvent('pointerleave'))");
    browser.holds("document.querySelector('.tip').hidden");
}

/// The numbers that the page computes are those of the formulas: a turn by ε under GmP, and by the angle between w and
/// w + ε under the others.
#[test]
fn figure_1_moves_under_the_hand() {
    let Some(browser) = Browser::open(1200, 900) else { return };
    browser.holds("document.querySelectorAll('#fig1 .live:not([hidden]) input[type=range]').length === 4");
    for (epsilon, size) in [(-2.0, -2.0), (-1.0, 0.0), (-3.0, -3.0)] {
        let rows = browser.run(&format!(
            "const live = document.querySelector('#fig1 .live'); \
             const set = (k, value) => {{ const input = live.querySelectorAll('input')[k]; input.value = value; \
             input.dispatchEvent(new Event('input')); }}; \
             set(0, {epsilon}); set(1, {size}); set(2, 40); set(3, 1); \
             return [...live.querySelectorAll('tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent))"
        ));
        let rows: Vec<[String; 3]> = serde_json::from_value(rows).unwrap();
        assert!(rows.iter().map(|[name, ..]| name).eq(["SP", "WN", "BN", "GmP"]), "{rows:?}");
        let (e, length) = (10f64.powf(epsilon), 10f64.powf(size));
        let (w, v) = (length * 40f64.to_radians().cos(), length * 40f64.to_radians().sin());
        let turn = ((v + e).atan2(w + e) - v.atan2(w)).abs().to_degrees();
        for [name, told, _] in &rows {
            let told: f64 = told.trim_end_matches('°').parse().unwrap();
            let expected = if name == "GmP" { e.to_degrees() } else { turn };
            assert!((told / expected - 1.0).abs() < 1e-3, "{name}: {told}° for {expected}°");
        }
    }
    browser.holds("document.querySelector('#fig1 .live svg').ariaLabel.includes('GmP turns by')");
}

#[test]
fn nothing_sticks_out_on_a_phone() {
    let Some(browser) = Browser::open(375, 800) else { return };
    assert_eq!(browser.number("return innerWidth"), 375.0);
    let widest = browser.number("return document.documentElement.scrollWidth");
    assert!(widest <= 375.0, "the page is {widest} pixels wide");
    // What is wider scrolls on its own.
    browser
        .holds("document.querySelector('.paper').scrollWidth > document.querySelector('.paper').clientWidth");
}

#[test]
fn dark_mode_darkens_figures_too_and_text_stays_readable() {
    let Some(browser) = Browser::open(1200, 900) else { return };
    let dark = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
    browser.devtools("Emulation.setEmulatedMedia", dark);
    let lightness = "const rgb = (text) => text.match(/[\\d.]+/g).map(Number); \
        const channel = (c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4); \
        const light = (text) => { const [r, g, b] = rgb(text); return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b); }; \
        const style = getComputedStyle(document.body);";
    let ground = browser.number(&format!("{lightness} return light(style.backgroundColor)"));
    let ink = browser.number(&format!("{lightness} return light(style.color)"));
    assert!((ink + 0.05) / (ground + 0.05) > 7.0, "{ink} on {ground}");
    browser.holds("getComputedStyle(document.querySelector('.paper svg')).filter.includes('invert')");
    // Secondary text, such as captions.
    let soft = browser.number(&format!(
        "{lightness} return light(getComputedStyle(document.querySelector('figcaption')).color)"
    ));
    assert!((soft + 0.05) / (ground + 0.05) >= 4.5, "{soft} on {ground}");
}

#[test]
fn in_print_everything_is_open_and_nothing_is_cut() {
    let Some(browser) = Browser::open(1200, 900) else { return };
    browser.devtools("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    browser.holds("[...document.querySelectorAll('details')].every((d) => d.lastElementChild.getBoundingClientRect().height > 0)");
    browser
        .holds("[...document.querySelectorAll('.paper')].every((p) => p.scrollWidth <= p.clientWidth + 1)");
    browser.holds("getComputedStyle(document.getElementById('methods')).display === 'none'");
}

#[test]
fn every_stop_of_the_keyboard_and_every_picture_has_a_name() {
    let Some(browser) = Browser::open(1200, 900) else { return };
    let unnamed = browser.run(
        "const name = (e) => (e.ariaLabel ?? '') + (e.getAttribute('aria-labelledby') ?? '') + e.textContent.trim() \
         + [...(e.labels ?? [])].map((l) => l.textContent).join(''); \
         const stops = document.querySelectorAll('a[href], button, input, summary, [tabindex=\"0\"], svg[role=img]'); \
         return [...stops].filter((e) => name(e) === '' || (e.tabIndex === 0 && e.tagName === 'DIV' && !e.role)) \
         .map((e) => e.outerHTML.slice(0, 200))",
    );
    assert_eq!(unnamed, json!([]));
    browser.holds("document.documentElement.lang === 'en' && document.querySelectorAll('h1').length === 1");
}
