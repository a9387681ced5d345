// GEOS: an STRtree of polygons, each prepared, through its C interface.
#include <geos_c.h>

#include "bench.h"

static GEOSContextHandle_t g;

struct Zone {
  const GEOSPreparedGeometry* prepared;
  uint32_t zone;
};

struct Index {
  GEOSSTRtree* tree;
  std::vector<Zone*> zones;
};

static GEOSCoordSequence* sequence(const Ring& r) {
  return GEOSCoordSeq_copyFromBuffer_r(g, &r[0].lng, r.size(), 0, 0);
}

struct Search {
  GEOSGeometry* at;
  uint32_t point;
  Hits* hits;
};

int main(int argc, char** argv) {
  g = GEOS_init_r();
  return run(
      argc, argv, std::string("GEOS ") + GEOSversion(),
      [](const std::vector<Area>& areas) {
        Index x{GEOSSTRtree_create_r(g, 10), {}};
        GEOSGeometry* any = nullptr;
        for (uint32_t i = 0; i < areas.size(); i++) {
          for (const Polygon& p : areas[i]) {
            std::vector<GEOSGeometry*> holes;
            for (size_t k = 1; k < p.size(); k++) holes.push_back(GEOSGeom_createLinearRing_r(g, sequence(p[k])));
            any = GEOSGeom_createPolygon_r(g, GEOSGeom_createLinearRing_r(g, sequence(p[0])), holes.data(), holes.size());
            if (!any) fail("GEOS refuses a polygon");
            x.zones.push_back(new Zone{GEOSPrepare_r(g, any), i});
            GEOSSTRtree_insert_r(g, x.tree, any, x.zones.back());
          }
        }
        // The tree is built by its first query, a prepared polygon's index by
        // the first point in its box.
        if (any) GEOSSTRtree_query_r(g, x.tree, any, [](void*, void*) {}, nullptr);
        return x;
      },
      [](Index& x, Position p, uint32_t i, Hits& hits) {
        GEOSGeometry* at = GEOSGeom_createPointFromXY_r(g, p.lng, p.lat);
        Search s{at, i, &hits};
        GEOSSTRtree_query_r(g, x.tree, at, [](void* item, void* search) {
          const Zone* z = static_cast<Zone*>(item);
          const Search* s = static_cast<Search*>(search);
          if (GEOSPreparedIntersects_r(g, z->prepared, s->at) == 1) s->hits->emplace_back(s->point, z->zone);
        }, &s);
        GEOSGeom_destroy_r(g, at);
      });
}
