// mpplan generate vit, resnet, unet, speech: models of images and spectrograms.
#include "apps/mpplan/generate_kind.hpp"
#include "models/builders/convolutional.hpp"
#include "models/builders/encoders.hpp"

namespace mp::apps {
namespace {

void add_vit(CLI::App& parent, Action& action) {
  const auto [command, kind] = add_kind(parent, action, "vit", "Vision transformer classifier", models::build_vit);
  models::VitOptions& o = kind->options;
  command->add_option("--image", o.image, "Height and width")->type_name("N");
  command->add_option("--channels", o.channels, "Channels of the image")->type_name("N");
  command->add_option("--patch", o.patch, "Height and width of a patch")->type_name("N");
  command->add_option("--layers", o.layers, "Transformer blocks")->type_name("N");
  command->add_option("--hidden", o.hidden, "Width of the residual stream")->type_name("N");
  command->add_option("--heads", o.heads, "Attention heads; they divide the width")->type_name("N");
  command->add_option("--feed-forward", o.feed_forward, "Width of the inner layer; 0: 4 x hidden")->type_name("N");
  command->add_option("--classes", o.classes, "Classes")->type_name("N");
}

void add_resnet(CLI::App& parent, Action& action) {
  const auto [command, kind] =
      add_kind(parent, action, "resnet", "Residual classifier of square images (stages 64 128 256 512: ResNet-18)",
               models::build_resnet);
  models::ResnetOptions& o = kind->options;
  command->add_option("--image", o.image, "Height and width")->type_name("N");
  command->add_option("--channels", o.channels, "Channels of the image")->type_name("N");
  command->add_option("--stages", o.stages, "Channels of each stage")->type_name("N ...");
  command->add_option("--blocks", o.blocks, "Basic blocks a stage")->type_name("N");
  command->add_option("--classes", o.classes, "Classes")->type_name("N");
}

void add_unet(CLI::App& parent, Action& action) {
  const auto [command, kind] = add_kind(
      parent, action, "unet", "U-Net with transposed convolutions that cleans noisy images", models::build_unet);
  models::UnetOptions& o = kind->options;
  command->add_option("--image", o.image, "Height and width")->type_name("N");
  command->add_option("--channels", o.channels, "Channels of the image")->type_name("N");
  command->add_option("--levels", o.levels, "Channels of each level")->type_name("N ...");
  command->add_option("--noise", o.noise, "Standard deviation of the noise")->type_name("S");
}

void add_speech(CLI::App& parent, Action& action) {
  const auto [command, kind] =
      add_kind(parent, action, "speech", "Convolutional keyword classifier of spectrograms", models::build_speech);
  models::SpeechOptions& o = kind->options;
  command->add_option("--frames", o.frames, "Frames of a spectrogram")->type_name("N");
  command->add_option("--bands", o.bands, "Frequency bands of a frame")->type_name("N");
  command->add_option("--channels", o.channels, "Channels of the convolutions")->type_name("N");
  command->add_option("--classes", o.classes, "Classes")->type_name("N");
}

}  // namespace

void add_generate_images(CLI::App& parent, Action& action) {
  add_vit(parent, action);
  add_resnet(parent, action);
  add_unet(parent, action);
  add_speech(parent, action);
}

}  // namespace mp::apps
