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

// A shape whose rings may cross: the north pole is outside.
class OddShape : public S2Shape {
 public:
  explicit OddShape(const std::vector<std::vector<S2Point>>& loops) : rings_(loops) {}
  int num_edges() const override { return rings_.num_edges(); }
  Edge edge(int e) const override { return rings_.edge(e); }
  int dimension() const override { return 2; }
  ReferencePoint GetReferencePoint() const override { return ReferencePoint(S2Point(0, 0, 1), false); }
  int num_chains() const override { return rings_.num_chains(); }
  Chain chain(int i) const override { return rings_.chain(i); }
  Edge chain_edge(int i, int j) const override { return rings_.chain_edge(i, j); }
  ChainPosition chain_position(int e) const override { return rings_.chain_position(e); }

 private:
  S2LaxPolygonShape rings_;
};

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
          if (a.odd) {
            x.shapes->Add(std::make_unique<OddShape>(loops));
          } else {
            x.shapes->Add(std::make_unique<S2LaxPolygonShape>(loops));
          }
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
