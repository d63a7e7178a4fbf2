/*
 * The script of the user feedback dialog, which SDKs load from /api/embed/error-page/
 * when a page asks for it. It is the same for everybody: it reads what it needs out of
 * its own address, shows it as text only, and posts the form back there.
 */

#ifndef ERRTRACK_NGX_MODULE_DIALOG_HPP
#define ERRTRACK_NGX_MODULE_DIALOG_HPP

#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

inline constexpr std::string_view dialog_script = R"js((function () {
  "use strict";
  var script = document.currentScript;
  if (!script || !script.src) { return; }
  var address = new URL(script.src);
  var asked = address.searchParams;
  function text(name, usual) { return asked.get(name) || usual; }
  function make(tag, style, content) {
    var made = document.createElement(tag);
    made.style.cssText = style;
    if (content) { made.textContent = content; }
    return made;
  }

  var plain = "font:14px/1.4 sans-serif;color:#222;";
  var host = make("div", "position:fixed;inset:0;z-index:2147483647;overflow:auto;" +
    "background:rgba(0,0,0,.5);padding:5vh 1em;");
  host.className = "sentry-error-embed-wrapper";
  var box = make("form", plain + "box-sizing:border-box;max-width:36em;margin:0 auto;" +
    "padding:1.5em;background:#fff;border-radius:6px;");
  box.className = "sentry-error-embed";
  box.setAttribute("role", "dialog");
  box.setAttribute("aria-modal", "true");
  var title = make("h2", plain + "font-size:18px;font-weight:bold;margin:0 0 .3em;",
    text("title", "It looks like we are having issues."));
  title.id = "errtrack-dialog-title";
  box.setAttribute("aria-labelledby", title.id);
  box.appendChild(title);
  box.appendChild(make("p", plain + "margin:0 0 1em;color:#555;",
    text("subtitle", "Our team has been notified.") + " " +
    text("subtitle2", "If you would like to help, tell us what happened below.")));

  var fields = {};
  function field(name, tag, label, type) {
    var line = make("label", plain + "display:block;margin:0 0 .8em;", label);
    var input = make(tag, plain + "display:block;box-sizing:border-box;width:100%;" +
      "padding:.5em;margin-top:.2em;background:#fff;border:1px solid #999;border-radius:4px;");
    if (type) { input.type = type; }
    if (tag === "textarea") { input.rows = 5; }
    input.name = name;
    input.required = true;
    input.value = asked.get(name) || "";
    line.appendChild(input);
    box.appendChild(line);
    fields[name] = input;
  }
  field("name", "input", text("labelName", "Name"), "text");
  field("email", "input", text("labelEmail", "Email"), "email");
  field("comments", "textarea", text("labelComments", "What happened?"));

  var note = make("p", plain + "margin:0 0 1em;color:#b00020;");
  note.setAttribute("role", "alert");
  box.appendChild(note);
  var button = "padding:.5em 1em;margin-right:.5em;border:0;border-radius:4px;cursor:pointer;";
  var submit = make("button", plain + button + "background:#333;color:#fff;",
    text("labelSubmit", "Submit"));
  submit.type = "submit";
  var close = make("button", plain + button + "background:#eee;", text("labelClose", "Close"));
  close.type = "button";
  box.appendChild(submit);
  box.appendChild(close);
  host.appendChild(box);

  function leave() {
    document.removeEventListener("keydown", onKey);
    if (host.parentNode) { host.parentNode.removeChild(host); }
  }
  function onKey(event) { if (event.key === "Escape") { leave(); } }
  close.addEventListener("click", leave);
  document.addEventListener("keydown", onKey);
  box.addEventListener("submit", function (event) {
    event.preventDefault();
    submit.disabled = true;
    note.textContent = "";
    var form = new URLSearchParams();
    Object.keys(fields).forEach(function (name) { form.set(name, fields[name].value); });
    fetch(address.href, { method: "POST", body: form, credentials: "omit" }).then(function (answer) {
      if (answer.ok) {
        box.textContent = "";
        box.appendChild(make("p", plain + "margin:0 0 1em;",
          text("successMessage", "Your feedback has been sent. Thank you!")));
        box.appendChild(close);
        close.focus();
        return;
      }
      submit.disabled = false;
      note.textContent = answer.status === 400
        ? text("errorFormEntry", "Some fields were invalid. Please correct them and try again.")
        : text("errorGeneric", "Your report could not be sent. Please try again later.");
    }, function () {
      submit.disabled = false;
      note.textContent = text("errorGeneric", "Your report could not be sent. Please try again later.");
    });
  });
  document.body.appendChild(host);
  fields.name.focus();
}());
)js";

}

#endif
