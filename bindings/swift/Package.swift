// swift-tools-version:5.9
import Foundation
import PackageDescription

// On Apple's systems the C library comes as an XCFramework, which xcframework/build.sh makes here;
// elsewhere pkg-config finds an installed one (bindings/c/install.sh).
let framework = "CMelu.xcframework"
let bundled = FileManager.default.fileExists(atPath: Context.packageDirectory + "/" + framework)

let package = Package(
  name: "melu",
  platforms: [.iOS(.v13), .macOS(.v11)],
  products: [.library(name: "Melu", targets: ["Melu"])],
  targets: [
    bundled
      ? .binaryTarget(name: "CMelu", path: framework)
      : .systemLibrary(name: "CMelu", pkgConfig: "melu"),
    .target(name: "Melu", dependencies: ["CMelu"]),
    .testTarget(name: "MeluTests", dependencies: ["Melu"]),
  ]
)
