/** The page's styles: no fonts or pictures from elsewhere, light and dark, from a phone's width up. */

const LIGHT = `--ground:#f4f1e9;--card:#fffdf8;--ink:#1c1b19;--muted:#5f594f;--line:#ddd6c7;--soft:#efeadf;
--a:#1f4fd0;--b:#a8460c;--on:#fff;--kept:#0a6349;--lost:#b3142e;--focus:#1c1b19;--stage:#2a2a31;--stage-ink:#f6f4ef;--stage-soft:#3a3a43;`
const DARK = `--ground:#131417;--card:#1c1e23;--ink:#f1eee7;--muted:#aaa59b;--line:#34363d;--soft:#262930;
--a:#93b4ff;--b:#ffb37c;--on:#14161b;--kept:#6bdcb0;--lost:#ff8e9a;--focus:#fff;--stage:#25262c;--stage-soft:#383a43;`

export const STYLE = `
:root{${LIGHT}--round:14px;--text:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;
--display:"Iowan Old Style","Palatino Linotype",Palatino,"URW Palladio L",P052,Georgia,"Liberation Serif",serif}
:root[data-tone=joined]{--stage:#0b4a45;--stage-soft:#17625b}
@media (prefers-color-scheme:dark){:root{${DARK}}:root[data-tone=joined]{--stage:#0a3a37;--stage-soft:#15544e}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;color-scheme:light dark}
body{margin:0;background:var(--ground);color:var(--ink);font:1rem/1.5 var(--text)}
h1,h2,h3,p,ul,ol{margin:0;padding:0}ul,ol{list-style:none}
h1,.shop>header h2{font-family:var(--display);font-weight:600;line-height:1.1;letter-spacing:-.01em}
h3{font-size:1rem;line-height:1.3}
code{font-size:.92em}
.hint{color:var(--muted);font-size:.9rem}
.label{font-size:.78rem;font-weight:650;letter-spacing:.06em;text-transform:uppercase;color:var(--muted)}
.row{display:flex;gap:.5rem;flex-wrap:wrap;align-items:center}
.spoken{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.skip{position:absolute;left:1rem;top:-4rem;background:var(--card);color:var(--ink);padding:.5rem 1rem;border-radius:8px;z-index:1}
.skip:focus{top:1rem}
:focus-visible{outline:3px solid var(--focus);outline-offset:2px}
#shop:focus{outline:none}

button{font:inherit;font-weight:600;min-height:2.5rem;padding:.35rem .9rem;border-radius:9px;border:1.5px solid var(--line);
background:var(--card);color:var(--ink);cursor:pointer;touch-action:manipulation}
button:hover{border-color:var(--ink)}
button:active{transform:translateY(1px)}
button:disabled{opacity:.45;cursor:default;border-color:var(--line);transform:none}
button.main{background:var(--ink);border-color:var(--ink);color:var(--card)}
button.main:hover{opacity:.88}
button.quiet{border-color:transparent;background:none;color:var(--muted);padding-inline:.5rem}
button.quiet:hover{color:var(--ink);text-decoration:underline;text-underline-offset:3px}
button.danger{color:var(--lost)}
button.danger:hover:enabled{background:var(--lost);border-color:var(--lost);color:var(--on)}
input{font:inherit;min-height:2.5rem;min-width:0;flex:1 1 7rem;padding:.35rem .75rem;border-radius:9px;border:1.5px solid var(--muted);background:var(--card);color:var(--ink)}

.stage{background:var(--stage);color:var(--stage-ink);--focus:#fff}
:root{--stage-ink:#f6f4ef}
.stage .inner{max-width:76rem;margin:auto;padding:2rem 1.5rem 1.75rem;display:grid;grid-template-columns:1fr minmax(0,31rem);gap:1.5rem 3rem;align-items:center}
.kicker{font-size:.85rem;opacity:.85}
.stage h1{font-size:clamp(2.2rem,5vw,3.4rem);margin:.15rem 0 .6rem}
.says{max-width:34rem;text-wrap:pretty}
.stage nav{display:inline-flex;margin-top:1.2rem;border:1.5px solid rgb(255 255 255/.38);border-radius:11px;padding:3px;gap:3px}
.stage nav a{color:inherit;text-decoration:none;padding:.4rem .95rem;border-radius:7px;font-weight:600;min-height:2.5rem;display:grid;place-items:center}
.stage nav a:hover{background:var(--stage-soft)}
.stage nav a[aria-current]{background:var(--stage-ink);color:var(--stage)}

.schematic{width:100%;height:auto;font:500 15.5px var(--text);text-anchor:middle;--on-a:#8fb1ff;--on-b:#ffb27a}
.schematic text{fill:var(--stage-ink)}
.schematic .note{font-size:13.5px;opacity:.8}
.node rect,.drum{fill:var(--stage-soft);stroke:rgb(255 255 255/.42);stroke-width:1.5}
.wire path,.share{fill:none;stroke:rgb(255 255 255/.34);stroke-width:2}
.share{stroke-dasharray:3 4;stroke:rgb(255 255 255/.7)}
.lane-0 .replica rect{stroke:var(--on-a)}.lane-1 .replica rect{stroke:var(--on-b)}
[data-lit="0"] .wire.lane-0 path{stroke:var(--on-a);stroke-width:4}
[data-lit="1"] .wire.lane-1 path{stroke:var(--on-b);stroke-width:4}
[data-lit="0"] .lane-0 .replica rect{fill:var(--on-a)}[data-lit="1"] .lane-1 .replica rect{fill:var(--on-b)}
[data-lit="0"] .lane-0 .replica text,[data-lit="1"] .lane-1 .replica text{fill:#14161b;font-weight:650}
[data-down~="0"] g.lane-0:not(.wire),[data-down~="1"] g.lane-1:not(.wire){opacity:.3}
[data-down~="0"] .lane-0 path,[data-down~="1"] .lane-1 path{stroke-dasharray:2 6}
[data-lit="0"] .wire.lane-1 path:first-child,[data-lit="1"] .wire.lane-0 path:first-child{stroke:none}

main{max-width:76rem;margin:auto;padding:1.5rem;display:grid;gap:1.25rem;grid-template-columns:minmax(0,1fr) 25rem;align-items:start;grid-template-rows:auto 1fr}
main.alone{grid-template-columns:minmax(0,1fr)}
.shop{grid-column:1;grid-row:1/span 2}
.answer,.running{grid-column:2}
main.alone .shop{grid-row:1}
.card{background:var(--card);border:1px solid var(--line);border-radius:var(--round);padding:1.25rem}

.letter{flex:none;display:grid;place-items:center;width:2.5rem;height:2.5rem;border-radius:9px;font-weight:700;color:var(--on);background:var(--muted)}
.letter.tint-0{background:var(--a)}.letter.tint-1{background:var(--b)}
.told{display:flex;gap:.9rem;align-items:center;margin:.6rem 0 .7rem;min-height:3.9rem}
.told .letter{width:3.5rem;height:3.5rem;font-size:1.7rem;border-radius:12px}
.by{display:block;font-weight:650;font-size:1.1rem;line-height:1.3}
.verdict.kept{color:var(--kept)}.verdict.lost,.verdict.failed{color:var(--lost);font-weight:600}
.verdict{overflow-wrap:anywhere}
.strip-head{display:flex;justify-content:space-between;align-items:center;min-height:2.5rem}
.strip{display:grid;grid-template-columns:repeat(10,1fr);gap:4px;margin:.2rem 0 .6rem;grid-auto-rows:2.1rem;min-height:calc(4*2.1rem + 12px)}
.strip li{--tint:var(--muted);position:relative;border-radius:6px;display:flex;align-items:center;justify-content:center;gap:1px;font-size:.8rem;font-weight:700;
background:var(--tint);color:var(--on);border:1.5px solid var(--tint)}
.strip li.tint-0{--tint:var(--a)}.strip li.tint-1{--tint:var(--b)}
.strip li.slot{background:none;border:1.5px solid var(--line);opacity:.7}
.strip li.new{background:none;color:var(--tint)}
.strip li.lost,.strip li.failed{background:none;color:var(--lost);border:1.5px dashed var(--lost)}
.strip svg{width:.8rem;fill:none;stroke:currentColor;stroke-width:2.6;stroke-linecap:round;stroke-linejoin:round}
.sum{font-size:.92rem;font-variant-numeric:tabular-nums;margin-bottom:.9rem;min-height:1.5em}
.replicas{display:grid;gap:.8rem;margin:.7rem 0 .8rem}
.replicas li{display:flex;gap:.8rem;align-items:center}
.replicas p{flex:1;line-height:1.3;min-width:0}
.replicas p span{display:block}
.replicas [data-state]{font-weight:650}
.replicas .down .letter,.replicas .starting .letter{background:none;color:var(--lost);border:1.5px dashed var(--lost)}
.replicas .down [data-state]{color:var(--lost)}

.shop>header{display:flex;flex-wrap:wrap;gap:.2rem 1rem;align-items:baseline;margin-bottom:1.1rem}
.shop>header h2{font-size:1.9rem}
.floor{display:grid;grid-template-columns:minmax(0,1fr) 16.5rem;gap:1.25rem;align-items:start}
.products{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:1rem}
.products li{border:1px solid var(--line);border-radius:11px;padding:.9rem}
.drawing{background:var(--soft);border-radius:8px;padding:1rem;margin-bottom:.7rem;display:grid;place-items:center}
.drawing svg{width:100%;max-width:9.5rem;height:auto}
.products form{display:flex;align-items:center;justify-content:space-between;margin-top:.5rem}
.price{font-weight:650;font-variant-numeric:tabular-nums}
.visitor{background:var(--soft);border-radius:11px;padding:1.1rem;min-height:12.5rem}
.aside{display:grid;gap:1.25rem}
.tries{padding:0 .2rem}
.tries ol{list-style:decimal;padding-left:1.3rem;margin-top:.5rem;font-size:.94rem}
.tries li{padding:.12rem 0 .12rem .15rem}
.tries li::marker{color:var(--muted);font-variant-numeric:tabular-nums}
.login label{display:block;font-size:.9rem;font-weight:600;margin:.7rem 0 .3rem}
.login .hint{margin-top:.6rem}
.refused{color:var(--lost);font-weight:600;margin-bottom:.6rem}
.who{display:flex;align-items:center;gap:.65rem}
.who h3{flex:1;min-width:0;overflow-wrap:anywhere;line-height:1.2}
.who h3 .hint{display:block;font-weight:400}
.who button{padding-inline:.2rem}
.face{flex:none;width:2.5rem;height:2.5rem;border-radius:50%;display:grid;place-items:center;background:var(--kept);color:var(--on);font-weight:700}
.empty{margin-top:.9rem}
.cart{margin-top:.9rem;border-top:1px solid var(--line)}
.cart li{display:grid;grid-template-columns:1fr auto 3.4rem;gap:.6rem;padding:.45rem 0;border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums}
.cart li :last-child,.total :last-child{text-align:right}
.times{color:var(--muted)}
.total{display:flex;justify-content:space-between;font-weight:700;padding-top:.55rem;font-variant-numeric:tabular-nums}

@media (max-width:66rem){
.stage .inner{grid-template-columns:1fr;padding:1.5rem 1.25rem}
.schematic{max-width:34rem}
main{grid-template-columns:minmax(0,1fr)}
.shop,.answer,.running{grid-column:1;grid-row:auto}
}
@media (max-width:42rem){
main{padding:.9rem;gap:.9rem}
.card{padding:1rem}
.floor{grid-template-columns:minmax(0,1fr)}
.aside{order:-1}.visitor{min-height:0}
.products{gap:.7rem}.products li{padding:.7rem}
.products button{padding-inline:.7rem}
}
@media (prefers-reduced-motion:no-preference){
.schematic rect,.schematic path{transition:stroke .18s,fill .18s}
.strip li.latest{animation:land .22s ease-out}
@keyframes land{from{transform:scale(.6)}}
}
@media (forced-colors:active){.strip li,.letter{border:1px solid;forced-color-adjust:none}}
`
