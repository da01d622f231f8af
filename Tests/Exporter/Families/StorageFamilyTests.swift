import KubernetesObjects
import Testing

@testable import Exporter

@Suite struct StorageFamilyTests {
    private func exporter(_ resource: Resource, metadata: String = "", _ rest: String) throws -> ExporterUnderTest {
        let exporter = try ExporterUnderTest(["--resources=\(resource.plural)"])
        exporter.upsert(
            try object(resource, #"{"metadata":{"name":"x","uid":"u","resourceVersion":"7"\#(metadata)},\#(rest)}"#))
        return exporter
    }

    @Test(
        "a class that says nothing of reclaiming and binding has Kubernetes' defaults; an empty text is said",
        arguments: [
            ("", "Delete", "Immediate"),
            (#","reclaimPolicy":"Retain""#, "Retain", "Immediate"),
            (#","volumeBindingMode":"WaitForFirstConsumer""#, "Delete", "WaitForFirstConsumer"),
            (#","reclaimPolicy":"","volumeBindingMode":"""#, "", ""),
            (#","reclaimPolicy":null,"volumeBindingMode":null"#, "Delete", "Immediate"),
        ])
    func defaults(rest: String, reclaim: String, binding: String) throws {
        let exporter = try exporter(.storageClasses, #""provisioner":"p"\#(rest)"#)
        #expect(
            exporter.samples("kube_storageclass_info") == [
                #"kube_storageclass_info{storageclass="x",provisioner="p",reclaim_policy="\#(reclaim)","#
                    + #"volume_binding_mode="\#(binding)"} 1"#
            ])
    }

    @Test("an attachment of a volume that a pod describes itself has no persistent volume")
    func inlineVolume() throws {
        let inline = try exporter(
            .volumeAttachments,
            #""spec":{"attacher":"a","nodeName":"node","source":{"inlineVolumeSpec":{"csi":{"driver":"a","volumeHandle":"h"}}}}"#)
        #expect(inline.samples("kube_volumeattachment_spec_source_persistentvolume").isEmpty)
        #expect(
            inline.samples("kube_volumeattachment_info") == [
                #"kube_volumeattachment_info{volumeattachment="x",attacher="a",node="node"} 1"#
            ])
        #expect(
            inline.samples("kube_volumeattachment_status_attached") == [#"kube_volumeattachment_status_attached{volumeattachment="x"} 0"#])
        #expect(
            inline.samples("kube_volumeattachment_status_attachment_metadata")
                == [#"kube_volumeattachment_status_attachment_metadata{volumeattachment="x"} 1"#])
        let named = try exporter(.volumeAttachments, #""spec":{"source":{"persistentVolumeName":""}}"#)
        #expect(
            named.samples("kube_volumeattachment_spec_source_persistentvolume")
                == [#"kube_volumeattachment_spec_source_persistentvolume{volumeattachment="x",volumename=""} 1"#])
    }

    @Test("labels and metadata of an attachment need no allow list, and keys that become the same name are numbered")
    func attachmentLabels() throws {
        let exporter = try exporter(
            .volumeAttachments, metadata: #","labels":{"a.b":"1","a-b":"2","plainName":"3"}"#,
            #""spec":{},"status":{"attached":true,"attachmentMetadata":{"devicePath":"/dev/sdb","device_path":"x"}}"#)
        #expect(
            exporter.samples("kube_volumeattachment_labels") == [
                #"kube_volumeattachment_labels{volumeattachment="x",label_a_b_conflict1="2",label_a_b_conflict2="1",label_plain_name="3"} 1"#
            ])
        #expect(
            exporter.samples("kube_volumeattachment_status_attachment_metadata") == [
                #"kube_volumeattachment_status_attachment_metadata{volumeattachment="x","#
                    + #"metadata_device_path_conflict1="/dev/sdb",metadata_device_path_conflict2="x"} 1"#
            ])
        #expect(
            exporter.samples("kube_volumeattachment_status_attached") == [#"kube_volumeattachment_status_attached{volumeattachment="x"} 1"#]
        )
    }
}
