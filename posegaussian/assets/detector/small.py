# MMPose configuration of the small detector: a top-down heatmap model of 2.0 M parameters, ResNet-18 with three eighths
# of its channels. tools/train_detector.py trains it on the built-in people; small.safetensors holds its weights.
codec = dict(type="UDPHeatmap", input_size=(192, 256), heatmap_size=(48, 64), sigma=2)

model = dict(
    type="TopdownPoseEstimator",
    data_preprocessor=dict(
        type="PoseDataPreprocessor", mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True
    ),
    backbone=dict(type="ResNet", depth=18, stem_channels=24, base_channels=24, init_cfg=None),
    head=dict(
        type="HeatmapHead",
        in_channels=192,
        out_channels=17,
        deconv_out_channels=(96, 64, 64),
        deconv_kernel_sizes=(4, 4, 4),
        loss=dict(type="KeypointMSELoss", use_target_weight=True),
        decoder=codec,
    ),
    test_cfg=dict(),
)

test_dataloader = dict(
    dataset=dict(
        type="CocoDataset",
        metainfo=dict(from_file="configs/_base_/datasets/coco.py"),
        pipeline=[
            dict(type="LoadImage"),
            dict(type="GetBBoxCenterScale", padding=1.25),
            dict(type="TopdownAffine", input_size=codec["input_size"], use_udp=True),
            dict(type="PackPoseInputs"),
        ],
    )
)
train_dataloader = test_dataloader
