// The map: ground, zones, people, and one person's track.

const { L } = window;

const colours = { critical: "#d6004f", violation: "#d2401f", warning: "#c98200", technical: "#68758a", "": "#1f6feb" };

// Ground layers by what their name begins with; the first match counts.
const ground = [
  ["land", { fillColor: "#f7f5f0", fillOpacity: 1, color: "#b9b4a6", weight: 1 }],
  ["urban", { fillColor: "#e6e1d8", fillOpacity: 1, stroke: false }],
  ["lakes", { fillColor: "#dbe6ef", fillOpacity: 1, color: "#b6cadb", weight: 1 }],
  ["rivers", { color: "#b6cadb", weight: 1.2, fill: false }],
  ["admin", { color: "#c9c3b4", weight: 1, dashArray: "4 3", fill: false }],
  ["", { color: "#cfc9bd", weight: 1.2, fill: false }],
];

const styleOf = (name) => (ground.find(([part]) => part !== "" && name.includes(part)) ?? ground.at(-1))[1];

export function createMap(element, onPerson) {
  const map = L.map(element, { preferCanvas: true, zoomControl: true, zoomSnap: 0.25, worldCopyJump: true }).setView([56.3, 23.9], 6);
  map.attributionControl.setPrefix("Leaflet");
  for (const [pane, z] of [["ground", 200], ["towns", 250], ["zones", 350], ["track", 400], ["persons", 450]]) {
    map.createPane(pane).style.zIndex = z;
  }
  L.control.scale({ imperial: false }).addTo(map);
  const towns = [];
  const zones = L.layerGroup().addTo(map);
  const track = L.layerGroup().addTo(map);
  const markers = new Map();
  let fitted = false;

  function addTowns(features) {
    for (const f of features) {
      const [lng, lat] = f.geometry.coordinates;
      const p = f.properties.population ?? 0;
      const label = L.tooltip({ permanent: true, direction: "bottom", offset: [0, 4], className: "town", pane: "towns", interactive: false })
        .setLatLng([lat, lng]).setContent(document.createTextNode(f.properties.name).textContent);
      towns.push({ label, from: p > 300000 ? 4 : p > 80000 ? 6 : p > 25000 ? 8 : p > 8000 ? 9.5 : 11 });
    }
    showTowns();
  }
  function showTowns() {
    const view = map.getBounds().pad(0.1), zoom = map.getZoom();
    for (const t of towns) {
      const on = zoom >= t.from && view.contains(t.label.getLatLng());
      if (on !== map.hasLayer(t.label)) on ? map.addLayer(t.label) : map.removeLayer(t.label);
    }
  }
  map.on("moveend", showTowns);

  function addGround(name, collection) {
    const points = collection.features.filter((f) => f.geometry?.type === "Point");
    const rest = collection.features.filter((f) => f.geometry && f.geometry.type !== "Point");
    if (points.length) addTowns(points);
    if (rest.length) {
      L.geoJSON({ type: "FeatureCollection", features: rest }, { pane: "ground", renderer: L.canvas({ pane: "ground", padding: 0.2 }), style: styleOf(name), interactive: false }).addTo(map);
    }
  }

  async function loadGround() {
    const layers = await (await fetch("/basemap")).json();
    if (!layers.length) {
      addGround("land", await (await fetch("/static/basemap.json")).json());
      map.attributionControl.addAttribution("Natural Earth, GeoNames");
      return;
    }
    const order = (n) => ground.findIndex(([part]) => part === "" || n.includes(part));
    for (const name of layers.toSorted((a, b) => order(a) - order(b))) {
      addGround(name, await (await fetch("/basemap/" + encodeURIComponent(name))).json());
    }
  }

  function showZones(collection) {
    zones.clearLayers();
    const style = (f) => {
      const away = f.properties.kind === "exclusion";
      return { color: away ? "#c0341a" : "#2c7a4b", weight: 1.5, fillOpacity: away ? 0.18 : 0.08, pane: "zones" };
    };
    L.geoJSON(collection, {
      pane: "zones", style,
      pointToLayer: (f, at) => L.circle(at, { ...style(f), radius: f.properties.radius_m ?? 50 }),
      onEachFeature: (f, layer) => layer.bindTooltip(String(f.id ?? f.properties.id ?? ""), { className: "zone", direction: "center" }),
    }).addTo(zones);
  }

  // showPeople shows these people and no others.
  function showPeople(people) {
    const seen = new Set(people.filter((p) => p.position).map((p) => p.id));
    for (const [id, m] of markers) {
      if (!seen.has(id)) {
        Object.values(m).forEach((l) => l && map.removeLayer(l));
        markers.delete(id);
      }
    }
    movePeople(people);
  }

  // movePeople shows these where they are now.
  function movePeople(people) {
    for (const p of people) {
      if (!p.position) continue;
      const at = [p.position.lat, p.position.lon];
      const colour = colours[p.worst ?? ""] ?? colours[""];
      let m = markers.get(p.id);
      if (!m) {
        m = {
          home: p.home && L.circle([p.home.lat, p.home.lon], { radius: p.home.radius_m, pane: "zones", color: "#4470b8", weight: 1, fillOpacity: 0.05, dashArray: "3 3", interactive: false }).addTo(map),
          error: L.circle(at, { pane: "persons", weight: 0, fillOpacity: 0.16, interactive: false }).addTo(map),
          dot: L.circleMarker(at, { pane: "persons", radius: 6, color: "#fff", weight: 2, fillOpacity: 1 }).addTo(map).on("click", () => onPerson(p.id)),
        };
        m.dot.bindTooltip("");
        markers.set(p.id, m);
      }
      m.error.setLatLng(at).setRadius(p.position.radius95_m).setStyle({ fillColor: colour });
      m.dot.setLatLng(at).setStyle({ fillColor: colour });
      const tip = document.createElement("span");
      tip.textContent = `${p.name}${p.role === "protected" ? " (protected person)" : ""} ±${Math.round(p.position.radius95_m)} m`;
      m.dot.setTooltipContent(tip);
    }
    if (!fitted && markers.size) {
      fitted = true;
      map.fitBounds(L.latLngBounds([...markers.values()].map((m) => m.dot.getLatLng())).pad(0.15), { animate: false, maxZoom: 14 });
    }
  }

  // showTrack draws positions oldest first; a gap of more than five minutes is
  // not bridged by a line, since nobody knows what was in between.
  function showTrack(collection) {
    track.clearLayers();
    const gap = 5 * 60 * 1000;
    let run = [], before = 0;
    const flush = () => {
      if (run.length > 1) L.polyline(run, { pane: "track", color: "#5b3fb5", weight: 2, opacity: 0.75, interactive: false }).addTo(track);
      run = [];
    };
    for (const f of collection?.features ?? []) {
      const [lng, lat] = f.geometry.coordinates, at = Date.parse(f.properties.at);
      if (at - before > gap) flush();
      before = at;
      if (f.properties.validity === "invalid") continue;
      run.push([lat, lng]);
      const dot = L.circleMarker([lat, lng], { pane: "track", radius: 3, weight: 1, color: "#5b3fb5", fillOpacity: f.properties.stored ? 0 : 0.8 }).addTo(track);
      dot.bindTooltip(`${new Date(at).toLocaleString()}${f.properties.stored ? " (uploaded later)" : ""}${f.properties.radius95_m ? ` ±${Math.round(f.properties.radius95_m)} m` : ""}`);
    }
    flush();
  }

  function centre(p) {
    if (p?.position) map.setView([p.position.lat, p.position.lon], Math.max(map.getZoom(), 14), { animate: false });
  }

  return { loadGround, showZones, showPeople, movePeople, showTrack, centre };
}
