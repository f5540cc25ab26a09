#pragma once
// The style sheet of the HTML report: one column, system fonts, light and dark, phone and desk.

#include <string_view>

#include "tandem/core/config.hpp"

TANDEM_BEGIN
namespace study::detail {

inline constexpr std::string_view report_style = R"css(
:root{color-scheme:light dark;--paper:#fbfaf7;--card:#fff;--ink:#1b1d22;--soft:#5f636d;--faint:#e7e4dc;--edge:#dedad0;
--batch:#9a9da6;--batch_fold_in:#5577b8;--realtime:#d98a12;--realtime_ranked:#b3541e;--hybrid:#0a8073;--good:#0a7366;--bad:#b3372f}
@media (prefers-color-scheme:dark){:root{--paper:#14161a;--card:#1b1e24;--ink:#e8e7e3;--soft:#a0a4ae;--faint:#2a2e36;
--edge:#30353e;--batch:#858a95;--batch_fold_in:#7d9fe0;--realtime:#f0a93a;--realtime_ranked:#e07b45;--hybrid:#35c4b0;--good:#4bd0bd;--bad:#f08a80}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue","Liberation Sans",Arial,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:60rem;margin:0 auto;padding:3.2rem 1.5rem 4rem}
h1{font-size:clamp(1.75rem,1.2rem + 2.6vw,2.7rem);line-height:1.16;letter-spacing:-.022em;font-weight:700;
margin:.5rem 0 1.1rem;max-width:27ch;text-wrap:balance}
h2{font-size:1.3rem;line-height:1.3;letter-spacing:-.01em;margin:0 0 .35rem}
h3{font-size:.95rem;margin:0 0 .5rem}
p{margin:0 0 .8rem;max-width:44rem}
section{margin-top:3.4rem}
.eyebrow{color:var(--soft);font-size:.9rem;margin:0}
.lede{font-size:1.14rem;line-height:1.5}
.note{color:var(--soft);font-size:.94rem}
.facts{color:var(--soft);font-size:.9rem;margin-top:1.1rem;max-width:none}
.invented{display:inline-block;background:var(--realtime);color:#1b1d22;font-weight:600;font-size:.85rem;
padding:.1rem .55rem;border-radius:.3rem;margin:0 0 .6rem}
.num,td,.v{font-variant-numeric:tabular-nums}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(10.5rem,1fr));gap:.9rem;margin:1.6rem 0 0}
.card{background:var(--card);border:1px solid var(--edge);border-radius:.6rem;padding:.9rem 1rem 1rem;
display:flex;flex-direction:column}
.card .to{flex:1}
.card b{display:block;font-size:1.9rem;line-height:1.15;letter-spacing:-.02em;margin:.15rem 0 .1rem}
.card .to{font-size:.87rem;color:var(--soft)}
.card .range{font-size:.87rem;color:var(--soft)}
.better{color:var(--good)}.worse{color:var(--bad)}.unclear,.unknown{color:var(--soft)}
.say{font-size:.87rem;font-weight:600}
.care{margin:1.4rem 0 0;padding:0 0 0 1.15rem;max-width:44rem}
.care li{margin:.3rem 0}
.panels{display:grid;grid-template-columns:1fr 1fr;gap:1.2rem 3rem;margin-top:1.2rem}
.rows{display:grid;grid-template-columns:max-content minmax(0,1fr) max-content;column-gap:.9rem;align-items:center}
.rows .k{font-size:.93rem}.rows .v{font-size:.93rem;text-align:right}
.k i,.key i{display:inline-block;width:.72rem;height:.72rem;border-radius:50%;margin-right:.45rem}
.k.me,.v.me{font-weight:650}
i.batch{background:var(--batch)}i.batch_fold_in{background:var(--batch_fold_in)}
i.realtime{background:var(--realtime)}i.realtime_ranked{background:var(--realtime_ranked)}i.hybrid{background:var(--hybrid)}
svg{display:block;width:100%;overflow:visible}
.tall{position:relative;align-self:stretch;min-height:26px}.tall svg{position:absolute;inset:0;height:100%}
.over{paint-order:stroke;stroke:var(--paper);stroke-width:4px}
svg text{fill:var(--soft);font-size:12px;font-variant-numeric:tabular-nums}
.g{stroke:var(--faint);stroke-width:1}
.ci{stroke-width:7;stroke-linecap:round;opacity:.32}
.batch{--c:var(--batch)}.batch_fold_in{--c:var(--batch_fold_in)}.realtime{--c:var(--realtime)}.realtime_ranked{--c:var(--realtime_ranked)}.hybrid{--c:var(--hybrid)}
.ci,.line{stroke:var(--c)}.dot,.bar,.area{fill:var(--c)}.dot{stroke:var(--paper);stroke-width:1.5}
.area{opacity:.75}
.line{fill:none;stroke-width:1.9;vector-effect:non-scaling-stroke;stroke-linejoin:round}
.line.hybrid{stroke-width:3}
.band{fill:var(--c);opacity:.16}
.random,.oracle{--c:var(--soft)}i.random,i.oracle{background:var(--soft)}.line.random,.line.oracle{stroke-dasharray:2 4}
.whisker{stroke:var(--ink);stroke-width:1.5;opacity:.55}
.ref{stroke:var(--hybrid);stroke-width:1.5;stroke-dasharray:3 3}
.refit{stroke:var(--soft);stroke-width:1.5}
.mark{stroke:var(--ink);stroke-width:1.5}
.key{display:flex;flex-wrap:wrap;gap:.25rem 1.4rem;font-size:.93rem;margin:.9rem 0 .8rem}
.sources{grid-template-columns:max-content minmax(0,1fr) repeat(3,max-content);column-gap:1.1rem;margin-top:1.1rem}
.sources .h{font-size:.82rem;color:var(--soft);text-align:right;align-self:end;line-height:1.25;padding-bottom:.3rem}
.sources .about{display:block;color:var(--soft);font-size:.82rem;line-height:1.3;max-width:17rem}
.sources .k{padding:.3rem 0}
.tell{margin:1rem 0 0}
.hills{grid-template-columns:max-content minmax(0,1fr) minmax(0,1fr);column-gap:1.8rem;row-gap:.5rem;margin-top:1.1rem}
.hills h3{margin:0;align-self:end}
.hills small{display:block;color:var(--soft);font-size:.82rem;margin-top:.15rem}
.wide{overflow-x:auto;margin-top:1rem}
table{border-collapse:collapse;width:100%;font-size:.93rem}
th,td{text-align:right;padding:.42rem .6rem;border-bottom:1px solid var(--faint);white-space:nowrap;font-weight:400}
th:first-child,td:first-child{text-align:left;padding-left:0;white-space:normal}
th:last-child,td:last-child{padding-right:0}
thead th{color:var(--soft);border-bottom:1.5px solid var(--edge);font-size:.87rem}
td small{display:block;color:var(--soft);font-size:.78rem}
td.best{font-weight:680}td.best small{font-weight:400}
tr.group th{padding-top:1.2rem;font-weight:650;text-align:left}
details{margin-top:1rem;border-top:1px solid var(--edge);padding-top:.8rem}
summary{cursor:pointer;font-weight:650}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.2rem;font-size:.93rem;margin:.9rem 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
code{font:.9em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;overflow-wrap:anywhere}
footer{margin-top:3.5rem;color:var(--soft);font-size:.87rem}
@media (max-width:44rem){main{padding:1.6rem 1.05rem 3rem}section{margin-top:2.6rem}
.cards{grid-template-columns:1fr 1fr;gap:.7rem}.card{padding:.7rem .8rem}.card b{font-size:1.6rem}
.panels{grid-template-columns:1fr;gap:1.8rem}
.rows{column-gap:.7rem}
.sources{grid-template-columns:minmax(0,6.6rem) minmax(0,1fr) repeat(2,max-content);column-gap:.65rem}
.sources .about,.sources .hr{display:none}.sources .k{overflow-wrap:anywhere}
.hills{grid-template-columns:1fr 1fr;column-gap:1rem}.hills .k{grid-column:1/-1;margin-top:.6rem}
th,td{padding:.4rem .22rem}table{font-size:.82rem}thead th,td small{white-space:normal}td small{font-size:.7rem}
thead th{font-size:.8rem;vertical-align:bottom}.axis .inner{display:none}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}}
@media print{:root{--paper:#fff}section{break-inside:avoid}}
)css";

}  // namespace study::detail
TANDEM_END
