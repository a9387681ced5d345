// Google's S2 in C++: a MutableS2ShapeIndex of S2LaxPolygonShapes, asked by
// S2ContainsPointQuery with semi-open vertices.
#include <s2/mutable_s2shape_index.h>
#include <s2/s2contains_point_query.h>
#include <s2/s2latlng.h>
#include <s2/s2lax_polygon_shape.h>

#include <memory>

#include "bench.h"

static S2Point point(Position p) {
  if (p.lat == 90) return S2Point(0, 0, 1);
  if (p.lat == -90) return S2Point(0, 0, -1);
  if (p.lng == -180) p.lng = 180;
  return S2LatLng::FromDegrees(p.lat, p.lng).ToPoint();
}

struct Index {
  std::unique_ptr<MutableS2ShapeIndex> shapes;
  std::unique_ptr<S2ContainsPointQuery<MutableS2ShapeIndex>> query;
};

int main(int argc, char** argv) {
  return run(
      argc, argv, "S2 " S2_VERSION,
      [](const std::vector<Area>& areas) {
        Index x{std::make_unique<MutableS2ShapeIndex>(), nullptr};
        for (const Area& a : areas) {
          std::vector<std::vector<S2Point>> loops;
          for (const Polygon& p : a) {
            for (const Ring& r : p) {
              std::vector<S2Point> loop;
              for (size_t i = 0; i + 1 < r.size(); i++) {
                const S2Point q = point(r[i]);
                if (loop.empty() || loop.back() != q) loop.push_back(q);
              }
              while (loop.size() > 1 && loop.front() == loop.back()) loop.pop_back();
              loops.push_back(std::move(loop));
            }
          }
          x.shapes->Add(std::make_unique<S2LaxPolygonShape>(loops));
        }
        x.shapes->ForceBuild();
        x.query = std::make_unique<S2ContainsPointQuery<MutableS2ShapeIndex>>(
            x.shapes.get(), S2ContainsPointQueryOptions(S2VertexModel::SEMI_OPEN));
        return x;
      },
      [](Index& x, Position p, uint32_t i, Hits& hits) {
        x.query->VisitContainingShapes(point(p), [&](S2Shape* s) {
          hits.emplace_back(i, s->id());
          return true;
        });
      });
}
