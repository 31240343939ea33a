// Style and script of the report's page. Both colours schemes; the script only toggles what is shown.
#pragma once

#include <string_view>

namespace mp {

// For the pictures, whether in a page or in a file of their own.
inline constexpr std::string_view kPictureStyle = R"css(
svg text { font: 12px system-ui, sans-serif; fill: #1f2933; }
svg .small { font-size: 11px; fill: #66727f; }
svg .track { font-weight: 600; }
svg .link { font-weight: 400; fill: #66727f; }
svg .bar { font-size: 11px; fill: #10202f; pointer-events: none; }
svg .label { font-size: 11px; fill: #10202f; pointer-events: none; }
svg .grid { stroke: #d5dae0; stroke-width: 1; }
svg .limit { stroke: #c0392b; stroke-width: 1; stroke-dasharray: 5 4; }
svg .node { stroke: #10202f; stroke-opacity: .35; }
svg .edge { fill: none; stroke: #8b97a3; stroke-opacity: .7; }
svg .edge.cut { stroke: #c0392b; stroke-opacity: .9; }
svg .w1 { stroke-width: 1; } svg .w2 { stroke-width: 1.5; } svg .w3 { stroke-width: 2.2; }
svg .w4 { stroke-width: 3; } svg .w5 { stroke-width: 4; }
svg .faded { opacity: .12; }
)css";

inline constexpr std::string_view kPageStyle = R"css(
:root { color-scheme: light dark; --ink: #1f2933; --dim: #66727f; --paper: #fff; --card: #f3f5f7; --rule: #d5dae0; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9ee; --dim: #9aa7b4; --paper: #14191f; --card: #1d242c; --rule: #34404c; }
  svg text, svg .track { fill: #e4e9ee; } svg .small, svg .link { fill: #9aa7b4; }
  svg .bar, svg .label { fill: #10202f; } svg .grid { stroke: #34404c; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto;
       max-width: 1260px; padding: 24px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 32px 0 8px; }
p, .note { color: var(--dim); margin: 4px 0 12px; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); gap: 10px; margin-top: 16px; }
.figures div { background: var(--card); border-radius: 8px; padding: 10px 14px; }
.figures b { display: block; font-size: 18px; overflow-wrap: anywhere; } .figures span { color: var(--dim); font-size: 13px; }
#timeline svg, #memory svg { width: 100%; height: auto; }
.scroll { overflow: auto; max-height: 85vh; border: 1px solid var(--rule); border-radius: 8px; padding: 10px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 5px 10px; border-bottom: 1px solid var(--rule); }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; } th { color: var(--dim); font-weight: 500; }
.swatch { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin-right: 7px; vertical-align: -1px; }
.legend span { margin-right: 18px; white-space: nowrap; cursor: pointer; } .legend .off { opacity: .35; }
)css";

// A click on a device in the legend fades the other devices' boxes.
inline constexpr std::string_view kPageScript = R"js(
(function () {
  var legend = document.getElementById('devices-legend');
  var boxes = document.querySelectorAll('#graph rect.node');
  var only = null;
  function show() {
    boxes.forEach(function (box) {
      box.classList.toggle('faded', only !== null && box.getAttribute('fill') !== only);
    });
    legend.querySelectorAll('span[data-color]').forEach(function (item) {
      item.classList.toggle('off', only !== null && item.dataset.color !== only);
    });
  }
  legend.querySelectorAll('span[data-color]').forEach(function (item) {
    item.addEventListener('click', function () {
      only = only === item.dataset.color ? null : item.dataset.color;
      show();
    });
  });
  document.documentElement.dataset.ready = boxes.length;
})();
)js";

}  // namespace mp
