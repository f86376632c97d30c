// Objects, virtual calls, containers, new and delete.
//
// cpp-work [SIZE]

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

struct Shape {
    virtual ~Shape() = default;
    virtual long area() const = 0;
};

struct Square : Shape {
    long side;
    explicit Square(long side) : side(side) {}
    long area() const override { return side * side; }
};

struct Rectangle : Shape {
    long width, height;
    Rectangle(long width, long height) : width(width), height(height) {}
    long area() const override { return width * height; }
};

[[gnu::noinline]] static std::vector<std::unique_ptr<Shape>> make_shapes(int count) {
    std::vector<std::unique_ptr<Shape>> shapes;
    for (int i = 1; i <= count; i++) {
        if (i % 3) {
            shapes.push_back(std::make_unique<Square>(i % 17));
        } else {
            shapes.push_back(std::make_unique<Rectangle>(i % 13, i % 7));
        }
    }
    return shapes;
}

[[gnu::noinline]] static std::map<std::string, int> count_by_area(const std::vector<std::unique_ptr<Shape>> &shapes) {
    std::map<std::string, int> counts;
    for (const auto &shape : shapes) counts["an area that is spelt out: " + std::to_string(shape->area())]++;
    return counts;
}

int main(int argc, char **argv) {
    int size = argc > 1 ? std::atoi(argv[1]) : 500;
    auto shapes = make_shapes(size);
    auto counts = count_by_area(shapes);
    auto most = std::max_element(counts.begin(), counts.end(), [](auto &a, auto &b) { return a.second < b.second; });
    std::printf("%zu areas; most often %s, %d times\n", counts.size(), most->first.c_str(), most->second);
    return 0;
}
